//! A conversation as the one text that a program is given.

use crate::model::ModelRequest;
use crate::words::conversation::Message;
use crate::words::failure::{Failure, FailureKind};

/// The prompt for a request. A system prompt and a question are put together as they are; in anything longer, such as
/// the correction of an answer that was rejected, every part has its label.
///
/// # Errors
/// `bad_request` when tools are offered or were called: a program cannot call ours.
pub(super) fn prompt(request: &ModelRequest) -> Result<String, Failure> {
    let no_tools = || {
        let why = "an agent's program brings its own tools and cannot be offered any: take `tools` from the agent, or \
                   give it a model of a provider";
        Failure::new(FailureKind::BadRequest, why)
    };
    if !request.tools.is_empty() {
        return Err(no_tools());
    }
    let questions = request.messages.iter().filter(|message| !matches!(message, Message::System(_))).count();
    let last = request.messages.len().saturating_sub(1);
    let mut parts = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        let (label, text) = match message {
            Message::System(text) => ("Instructions", text),
            Message::User(text) if at == last => ("What is asked now", text),
            Message::User(text) => ("What was asked", text),
            Message::Assistant(turn) => ("What you answered", &turn.text),
            Message::Tools(_) => return Err(no_tools()),
        };
        let text = text.trim_end();
        match questions {
            _ if text.is_empty() => {}
            0 | 1 => parts.push(text.to_owned()),
            _ => parts.push(format!("## {label}\n\n{text}")),
        }
    }
    Ok(parts.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::words::conversation::{AssistantMessage, Tool};

    fn request(messages: Vec<Message>, tools: Vec<Tool>) -> ModelRequest {
        ModelRequest {
            model: "m".into(),
            messages,
            tools: Arc::from(tools),
            schema: None,
            temperature: None,
            max_tokens: None,
            context_window: None,
            tuning: Arc::default(),
            takes_parts: false,
        }
    }

    #[test]
    fn one_question_stands_as_it_is() {
        let messages = vec![Message::System("Be brief.\n".into()), Message::User("-n $(x)\n\n  y".into())];
        assert_eq!(prompt(&request(messages, vec![])).unwrap(), "Be brief.\n\n-n $(x)\n\n  y");
        assert_eq!(prompt(&request(vec![Message::User("q".into())], vec![])).unwrap(), "q");
    }

    #[test]
    fn a_correction_has_labels() {
        let messages = vec![
            Message::System("Be brief.".into()),
            Message::User("Name a bee.".into()),
            Message::Assistant(AssistantMessage { text: "A wasp.".into(), ..AssistantMessage::default() }),
            Message::User("That is none.".into()),
        ];
        assert_eq!(
            prompt(&request(messages, vec![])).unwrap(),
            "## Instructions\n\nBe brief.\n\n## What was asked\n\nName a bee.\n\n## What you answered\n\nA wasp.\n\n\
             ## What is asked now\n\nThat is none."
        );
    }

    #[test]
    fn tools_are_refused() {
        let tool = Tool { name: "t".into(), description: String::new(), parameters: serde_json::json!({}) };
        for request in
            [request(vec![Message::User("q".into())], vec![tool]), request(vec![Message::Tools(vec![])], vec![])]
        {
            assert_eq!(prompt(&request).unwrap_err().kind, FailureKind::BadRequest);
        }
    }
}
