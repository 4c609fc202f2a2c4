//! What a run is given by name: from arguments, a file, standard input, and the answers of the person at the terminal.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::error::CliError;
use crate::cli::{Context, terminal};
use crate::engine::{Input, InputError, InputValues, StartError, settle};
use crate::plan::inputs::MAX_INPUT_BYTES;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::{InputKind, located, yaml};
use crate::store::disk;
use crate::words::diagnostic::{Report, Source};

#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct InputArgs {
    /// A value of one of the file's `inputs`; may be given several times
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = named_value)]
    input: Vec<(String, String)>,
    /// A JSON or YAML file with values of `inputs`, by their names
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The input that is read from standard input: `git diff | orch run review --stdin diff`
    #[arg(long, value_name = "NAME")]
    stdin: Option<String>,
}

fn named_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a name, `=` and a value are needed")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// The values of an orchestra's inputs; a person at a terminal is asked for those that are needed and missing. `goal` is
/// what `--goal` says, or nothing.
pub(super) fn inputs(
    args: &InputArgs,
    orchestra: &Orchestra,
    goal: Option<&str>,
    context: &Context,
) -> Result<InputValues, CliError> {
    if args.stdin.is_some() && goal == Some("-") {
        return Err(CliError::usage("--goal - and --stdin both read standard input")
            .help("give one of them as a text, or as a file: --goal @FILE"));
    }
    let wrong = |error: InputError| CliError::from(StartError::Input { orchestra: orchestra.id.to_string(), error });
    let mut given = match &args.inputs {
        Some(file) => of_file(&context.path(file), context.project.root())?,
        None => InputValues::new(),
    };
    for (name, texts) in texts(args)? {
        let Some(input) = orchestra.inputs.iter().find(|input| input.name == name) else {
            given.insert(name, Value::Null);
            continue;
        };
        let value = match (input.kind, texts.as_slice()) {
            (InputKind::List, several @ [_, _, ..]) => Ok(several.iter().map(String::as_str).collect()),
            (_, [_, _, ..]) => return Err(CliError::usage(format!("the input `{name}` is given several times"))),
            (InputKind::File, [path]) => input.read(&context.path(Path::new(path)).to_string_lossy()),
            (_, [text]) => input.read(text),
            (_, []) => continue,
        };
        given.insert(name.clone(), value.map_err(|why| wrong(InputError::Wrong { name, why }))?);
    }
    if goal.is_some() && given.contains_key("goal") {
        return Err(CliError::usage("the goal is given twice").help("take out `--goal`, or the input `goal`"));
    }
    let can_ask = args.stdin.is_none() && io::stdin().is_terminal() && io::stderr().is_terminal();
    // The goal of the command line is one of them, and is looked at with the others when the run begins.
    let mut all = given.clone();
    let declares_goal = orchestra.inputs.iter().any(|input| input.name == "goal");
    all.extend(goal.filter(|_| declares_goal).map(|goal| ("goal".to_owned(), goal.into())));
    loop {
        match settle(&orchestra.inputs, &all) {
            Err(InputError::Missing { name, .. }) if can_ask => {
                let Some(input) = orchestra.inputs.iter().find(|input| input.name == name) else { break };
                let value = ask(input)?;
                all.insert(name.clone(), value.clone());
                given.insert(name, value);
            }
            Err(error) => return Err(wrong(error)),
            Ok(_) => break,
        }
    }
    Ok(given)
}

/// What is given as text, by name.
fn texts(args: &InputArgs) -> Result<BTreeMap<String, Vec<String>>, CliError> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &args.input {
        texts.entry(name.clone()).or_default().push(value.clone());
    }
    if let Some(name) = &args.stdin {
        let mut text = String::new();
        let limit = MAX_INPUT_BYTES as u64 + 1;
        let read = io::stdin().lock().take(limit).read_to_string(&mut text);
        read.context(format!("the input `{name}` cannot be read from standard input")).map_err(CliError::misuse)?;
        texts.entry(name.clone()).or_default().push(text);
    }
    Ok(texts)
}

fn of_file(path: &Path, root: &Path) -> Result<InputValues, CliError> {
    let shown = path.display().to_string();
    let text = disk::read_text(&root.join(path), MAX_INPUT_BYTES as u64)
        .with_context(|| format!("the inputs cannot be read from {shown}"))
        .map_err(CliError::misuse)?;
    let source = std::sync::Arc::new(Source::new(shown.clone(), text));
    let tree = yaml::parse(&source)
        .map_err(|mistake| CliError::mistakes(vec![Report::new(source.clone(), vec![*mistake])]))?;
    located::convert(&tree).map_err(|error| {
        CliError::usage(format!("{shown} does not say which inputs there are: {error}"))
            .help("write a mapping from names to values: `topic: bees`")
    })
}

/// Asks until an answer can be the value.
fn ask(input: &Input) -> Result<Value, CliError> {
    let about = input.description.as_ref().map_or(String::new(), |about| format!(" ({about})"));
    let kind = match input.kind {
        InputKind::Text => String::new(),
        InputKind::Number => ", a number".to_owned(),
        InputKind::Boolean => ", true or false".to_owned(),
        InputKind::Choice => format!(", one of {}", input.choices.join(", ")),
        InputKind::File => ", a file in the project".to_owned(),
        InputKind::List => ", a list with commas".to_owned(),
    };
    loop {
        terminal::say(&format!("{}{about}{kind}: ", input.name));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer).context("no answer can be read");
        let ended = read.map_err(CliError::misuse)? == 0;
        let answer = answer.trim();
        if ended {
            return Err(CliError::usage(format!("the input `{}` is needed", input.name)));
        }
        match input.read(answer) {
            Ok(_) if answer.is_empty() => {}
            Ok(value) => return Ok(value),
            Err(why) => terminal::say(&format!("it {why}\n")),
        }
    }
}
