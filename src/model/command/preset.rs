//! The programs that are known by name: which flags make them print JSON, and what they need to see.
//!
//! Sources: <https://docs.claude.com/en/docs/claude-code/cli-reference>,
//! <https://github.com/openai/codex/blob/main/codex-rs/exec/src/cli.rs>,
//! <https://geminicli.com/docs/cli/headless/>.

use std::path::Path;

/// A program by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    /// Anthropic's Claude Code.
    Claude,
    /// OpenAI's Codex.
    Codex,
    /// Google's Gemini CLI.
    Gemini,
    /// Any other.
    Unknown,
}

/// The flag by which `claude` is told what it may spend in dollars.
const LID: &str = "--max-budget-usd";

/// The tool of `claude` that starts agents, by its names, and the flag that describes some.
const AGENTS: [&str; 3] = ["Task", "Agent", "agents"];

/// What a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The answer and nothing else.
    Text,
    /// The JSON of `claude --output-format json`, or the lines of `stream-json`.
    Claude,
    /// The lines of `codex exec --json`.
    Codex,
    /// The JSON of `gemini --output-format json`.
    Gemini,
}

impl Preset {
    /// The preset for a program, whatever folder it is in.
    pub(super) fn of(program: &str) -> Self {
        match Path::new(program).file_stem().and_then(|stem| stem.to_str()) {
            Some("claude") => Self::Claude,
            Some("codex") => Self::Codex,
            Some("gemini") => Self::Gemini,
            _ => Self::Unknown,
        }
    }

    /// The command with the flags that it lacks, and what it will write. What the user says is left as it is. Flags go
    /// in front, where no option that takes many values can swallow them.
    pub(super) fn complete(self, mut argv: Vec<String>) -> (Vec<String>, Format) {
        let has = |argv: &[String], flags: &[&str]| argv.iter().any(|argument| flags.contains(&&**argument));
        let format = match self {
            Self::Claude => {
                let format = output_format(&mut argv, &["--output-format"]);
                if !has(&argv, &["-p", "--print"]) {
                    argv.insert(1, "-p".to_owned());
                }
                // Agents that it starts by itself spend what nobody has allowed. Who wants them names the tool.
                let names_agents = |argument: &String| {
                    let mut words = argument.split(|c: char| !c.is_ascii_alphanumeric());
                    words.any(|word| AGENTS.contains(&word))
                };
                if !argv.iter().any(names_agents) {
                    argv.insert(1, "--disallowedTools=Task,Agent".to_owned());
                }
                if matches!(&*format, "json" | "stream-json") { Format::Claude } else { Format::Text }
            }
            Self::Codex => {
                let is_exec = |argument: &String| matches!(&**argument, "exec" | "e");
                let exec = argv.iter().position(is_exec).unwrap_or_else(|| {
                    argv.insert(1, "exec".to_owned());
                    1
                });
                if !has(&argv, &["--json", "--experimental-json"]) {
                    argv.insert(exec + 1, "--json".to_owned());
                }
                Format::Codex
            }
            Self::Gemini => match &*output_format(&mut argv, &["--output-format", "-o"]) {
                "json" => Format::Gemini,
                _ => Format::Text,
            },
            Self::Unknown => Format::Text,
        };
        (argv, format)
    }

    /// The command with what a call may cost, where the program can be told and the user has not said it.
    pub(super) fn under_lid(self, mut argv: Vec<String>, usd: Option<f64>) -> Vec<String> {
        let is_said = argv.iter().any(|argument| argument == LID || argument.starts_with(&format!("{LID}=")));
        if let (Self::Claude, Some(usd), false) = (self, usd, is_said) {
            argv.insert(1, format!("{LID}={usd:.4}"));
        }
        argv
    }

    /// Variables that the program is given unless the user has set them. `claude` tries a refused request ten more times
    /// for minutes, a wrong key too, without a word; trying again is ours.
    pub(super) fn defaults(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Claude => &[("CLAUDE_CODE_MAX_RETRIES", "2")],
            Self::Codex | Self::Gemini | Self::Unknown => &[],
        }
    }

    /// How the names begin of the variables that the program needs to reach its vendor; some of them hold keys.
    pub(super) fn vendor_variables(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &["ANTHROPIC_", "CLAUDE_"],
            Self::Codex => &["OPENAI_", "CODEX_"],
            Self::Gemini => &["GEMINI_", "GOOGLE_"],
            Self::Unknown => &[],
        }
    }

    /// Whether the program needs a variable of this name to reach its provider.
    pub(super) fn needs(self, name: &str) -> bool {
        if self == Self::Unknown {
            return false;
        }
        let vendor = self.vendor_variables();
        let network = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
        vendor.iter().any(|prefix| name.starts_with(prefix))
            || name.to_ascii_uppercase().ends_with("_PROXY")
            || network.contains(&name)
    }
}

/// The value of the flag for the form of the output, which is set to JSON if it is not there.
fn output_format(argv: &mut Vec<String>, flags: &[&str]) -> String {
    for (at, argument) in argv.iter().enumerate() {
        if flags.contains(&&**argument) {
            return argv.get(at + 1).cloned().unwrap_or_default();
        }
        if let Some((flag, value)) = argument.split_once('=')
            && flags.contains(&flag)
        {
            return value.to_owned();
        }
    }
    argv.splice(1..1, ["--output-format", "json"].map(str::to_owned));
    "json".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_added_only_where_they_lack() {
        for (given, completed, format) in [
            ("claude", "claude --disallowedTools=Task,Agent -p --output-format json", Format::Claude),
            (
                "claude -p --output-format text --allowedTools Task",
                "claude -p --output-format text --allowedTools Task",
                Format::Text,
            ),
            (
                "/opt/claude --print --allowedTools Read Edit",
                "/opt/claude --disallowedTools=Task,Agent --output-format json --print --allowedTools Read Edit",
                Format::Claude,
            ),
            (
                "claude -p --output-format=stream-json",
                "claude --disallowedTools=Task,Agent -p --output-format=stream-json",
                Format::Claude,
            ),
            (
                "claude -p --output-format text",
                "claude --disallowedTools=Task,Agent -p --output-format text",
                Format::Text,
            ),
            ("codex", "codex exec --json", Format::Codex),
            ("codex -m x exec -", "codex -m x exec --json -", Format::Codex),
            ("codex exec --json -", "codex exec --json -", Format::Codex),
            ("gemini -m x", "gemini --output-format json -m x", Format::Gemini),
            ("gemini -o text", "gemini -o text", Format::Text),
            ("llm -m x", "llm -m x", Format::Text),
            ("claude-wrapper --print", "claude-wrapper --print", Format::Text),
        ] {
            let argv: Vec<String> = given.split(' ').map(str::to_owned).collect();
            let (argv, found) = Preset::of(&argv[0]).complete(argv);
            assert_eq!((&*argv.join(" "), found), (completed, format), "{given}");
        }
    }

    #[test]
    fn each_program_sees_the_keys_of_its_own_vendor() {
        for (preset, own) in [
            (Preset::Claude, "ANTHROPIC_API_KEY"),
            (Preset::Codex, "OPENAI_API_KEY"),
            (Preset::Gemini, "GEMINI_API_KEY"),
        ] {
            let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GITHUB_TOKEN"];
            assert_eq!(keys.into_iter().filter(|key| preset.needs(key)).collect::<Vec<_>>(), [own]);
            assert!(preset.needs("https_proxy") && preset.needs("NO_PROXY"));
        }
        assert!(!Preset::Unknown.needs("HTTPS_PROXY"));
    }
}
