//! What a program in Python says, as far as it can be read without running it: its methods with a decorator, and the
//! arguments of the call that each of them makes. Whatever is computed stays unknown.

/// A method with a decorator.
#[derive(Debug, PartialEq)]
pub(super) struct Method {
    /// The decorator, such as `task`.
    pub decorator: String,
    /// The method's name.
    pub name: String,
    /// The arguments of its first call of a class, by their names.
    pub arguments: Vec<Argument>,
}

/// An argument with a name.
#[derive(Debug, PartialEq)]
pub(super) struct Argument {
    /// Its name.
    pub name: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// The methods with a decorator, in their order; `classes` names the class that each decorator's methods make.
#[must_use]
pub(super) fn methods(code: &str, classes: &[(&str, &str)]) -> Vec<Method> {
    let tokens = tokens(code);
    let mut methods = Vec::new();
    let mut at = 0;
    while at + 1 < tokens.len() {
        let decorator = match (&tokens[at], &tokens[at + 1]) {
            (Token::Sign('@'), Token::Word(name)) => classes.iter().find(|(decorator, _)| decorator == name),
            _ => None,
        };
        at += 1;
        let Some((decorator, class)) = decorator else { continue };
        let Some(def) = (at..tokens.len()).find(|&ix| tokens[ix] == Token::Word("def".to_owned())) else { break };
        let Some(Token::Word(name)) = tokens.get(def + 1) else { continue };
        // The body ends where the next function or decorator begins.
        let is_next = |ix: &usize| tokens[*ix] == Token::Word("def".to_owned()) || tokens[*ix] == Token::Sign('@');
        let end = (def + 2..tokens.len()).find(is_next).unwrap_or(tokens.len());
        let call = (def + 2..end.saturating_sub(1))
            .find(|&ix| tokens[ix] == Token::Word((*class).to_owned()) && tokens[ix + 1] == Token::Sign('('));
        let arguments = call.map_or_else(Vec::new, |call| arguments(&tokens[call + 2..end]));
        methods.push(Method { decorator: (*decorator).to_owned(), name: name.clone(), arguments });
        at = end;
    }
    methods
}

impl Method {
    /// An argument by its name.
    pub(super) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// The key of the configuration that it is made from: `x` of `config=self.tasks_config['x']`; its own name if that
    /// cannot be read.
    pub(super) fn key(&self) -> &str {
        let config = self.argument("config").map_or(&[][..], |config| &config.tokens);
        config
            .iter()
            .find_map(|token| if let Token::Text(key) = token { Some(key.as_str()) } else { None })
            .unwrap_or(&self.name)
    }
}

impl Argument {
    /// The text, if it is one and nothing else.
    pub(super) fn text(&self) -> Option<&str> {
        match self.tokens.as_slice() {
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The last name in it: `hierarchical` of `Process.hierarchical`, `True`.
    pub(super) fn last_word(&self) -> Option<&str> {
        self.tokens
            .iter()
            .rev()
            .find_map(|token| if let Token::Word(word) = token { Some(word.as_str()) } else { None })
    }

    /// What is called in it, `self.` aside: `a` and `B` of `[self.a(), B(x=1)]`. Names that stand alone in a list, such
    /// as tools that were made before, count as well.
    pub(super) fn called(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let mut depth = 0;
        for (ix, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                Token::Word(word) if depth == 0 && word != "self" => {
                    let next = self.tokens.get(ix + 1);
                    if matches!(next, None | Some(Token::Sign('(' | ',' | ']' | ')'))) {
                        found.push(word.as_str());
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// The arguments up to the end of a call.
fn arguments(tokens: &[Token]) -> Vec<Argument> {
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    for (ix, token) in tokens.iter().enumerate() {
        let is_end = *token == Token::Sign(')') && depth == 0;
        if is_end || (*token == Token::Sign(',') && depth == 0) {
            if let [Token::Word(name), Token::Sign('='), value @ ..] = &tokens[begin..ix] {
                found.push(Argument { name: name.clone(), tokens: value.to_vec() });
            }
            begin = ix + 1;
        }
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') if is_end => break,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// Words, texts and signs; comments and blanks are left out.
fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if matches!(first, '"' | '\'') {
            let (text, behind) = string(rest);
            tokens.push(Token::Text(text));
            rest = behind;
        } else if is_word(first) {
            let (word, behind) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
            // `f"..."` is computed, which a text and nothing else is not.
            let is_prefix = behind.starts_with(['"', '\'']) && matches!(word, "r" | "u" | "b" | "R" | "U" | "B");
            if !is_prefix {
                tokens.push(Token::Word(word.to_owned()));
            }
            rest = behind;
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// The string at the head of a text, and what is behind it. Of its escapes, quotes and backslashes are understood.
fn string(code: &str) -> (String, &str) {
    let quote = &code[..1];
    let triple = quote.repeat(3);
    let end = if code.starts_with(&triple) { triple.as_str() } else { quote };
    let mut text = String::new();
    let mut rest = &code[end.len()..];
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix(end) {
            return (text, behind);
        }
        if c == '\n' && end.len() == 1 {
            break;
        }
        rest = &rest[c.len_utf8()..];
        match (c, rest.chars().next()) {
            ('\\', Some(escaped)) => {
                if !matches!(escaped, '"' | '\'' | '\\') {
                    text.push(c);
                }
                text.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
            _ => text.push(c),
        }
    }
    (text, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASSES: [(&str, &str); 3] = [("agent", "Agent"), ("task", "Task"), ("crew", "Crew")];

    #[test]
    fn methods_and_arguments_are_read() {
        let code = "
@CrewBase
class Team():
    '''@task def no(self): Task(a=1)'''
    # @task
    # def neither(self): return Task()
    @agent
    def writer(self) -> Agent:
        return Agent(config=self.agents_config[\"the_writer\"], tools=[Search(n=3), self.reader(), made], verbose=True)
    @retry(max=3)
    @task
    def draft(self):
        x = Other(1)
        return Task(
            config=self.tasks_config['draft'],  # type: ignore
            output_file='out\\'s.md', context=[self.a(), self.b()], note=f'x{y}',
        )
    @crew
    def crew(self):
        return Crew(agents=self.agents, process=Process.hierarchical, # process=Process.sequential
            manager_llm='x')
";
        let found = methods(code, &CLASSES);
        let names: Vec<_> = found.iter().map(|m| (m.decorator.as_str(), m.name.as_str(), m.key())).collect();
        assert_eq!(names, [("agent", "writer", "the_writer"), ("task", "draft", "draft"), ("crew", "crew", "crew")]);
        assert_eq!(found[0].argument("tools").unwrap().called(), ["Search", "reader", "made"]);
        assert_eq!(found[0].argument("verbose").unwrap().last_word(), Some("True"));
        assert_eq!(found[1].argument("output_file").unwrap().text(), Some("out's.md"));
        assert_eq!(found[1].argument("context").unwrap().called(), ["a", "b"]);
        assert_eq!(found[1].argument("note").unwrap().text(), None);
        assert_eq!(found[2].argument("process").unwrap().last_word(), Some("hierarchical"));
        assert_eq!(found[2].arguments.len(), 3);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(code in "[@a-c\\\\\"'()\\[\\],=#\n é]{0,60}", noise in "\\PC{0,40}") {
            let _ = methods(&format!("@task\ndef a(): Task({code}{noise}"), &CLASSES);
            let _ = methods(&code, &CLASSES);
        }
    }
}
