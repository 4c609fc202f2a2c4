//! Which environment variables hold what may not be shown.

use secrecy::SecretString;

use super::is_key_parameter;

/// How a word in the name of a variable ends that holds a key.
const KEY_WORDS: [&str; 9] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS", "AUTH", "CREDENTIAL", "PAT"];

/// How such a name ends where the variable only says where the key is.
const PLACE_WORDS: [&str; 6] = ["SOCK", "FILE", "PATH", "DIR", "ASKPASS", "PUBLIC"];

/// Whether a variable of this name holds a key.
#[must_use]
pub fn names_key(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let mut words = name.split(['_', '-']);
    let is_key = |word: &str| KEY_WORDS.iter().any(|key| word == *key || key.len() > 4 && word.ends_with(key));
    let is_key = |word: &str| is_key(word) || word.ends_with("APIKEY");
    let is_place = words.clone().next_back().is_some_and(|last| PLACE_WORDS.contains(&last));
    !is_place && words.any(is_key)
}

/// What may not be shown of a variable that a program is given on purpose: its value, unless it is plainly no secret,
/// and the parts of it that are one by themselves.
#[must_use]
pub fn secrets_of_variable(name: &str, value: &str) -> Vec<SecretString> {
    let value = value.trim();
    if !names_key(name) && is_harmless(value) {
        return Vec::new();
    }
    // `Bearer` stands before the key, which may be shown without it.
    let last_word = value.split_whitespace().last().filter(|word| *word != value);
    [Some(value), last_word, password(value)].into_iter().flatten().map(SecretString::from).collect()
}

/// A number, an ordinary word, a place in the file system, or an address without a key. Were these taken out of what
/// tools say, a model could not work with them.
fn is_harmless(value: &str) -> bool {
    let is_place =
        ["/", "./", "../", "~"].iter().any(|start| value.starts_with(start)) || value.get(1..3) == Some(":\\");
    let is_word = value.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_' | ' '));
    let is_number = value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ':' | '-'));
    is_place || is_word || is_number || is_open_address(value)
}

/// Whether a value is a URL that holds neither a password nor a key.
fn is_open_address(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let parameters = rest.split(['?', '&', '#']).skip(1).filter_map(|parameter| parameter.split_once('='));
    !rest.contains('@') && !parameters.into_iter().any(|(name, _)| is_key_parameter(name))
}

/// The password in a URL.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_known_by_the_name_of_its_variable() {
        for name in [
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "db_password",
            "PGPASSWORD",
            "GH_PAT",
            "MYAPIKEY",
        ] {
            assert!(names_key(name), "{name}");
        }
        for name in ["PATH", "SSH_AUTH_SOCK", "XAUTHORITY", "KEYBOARD", "GIT_ASKPASS", "KEY_FILE", "COMPASS", "MONKEY"]
        {
            assert!(!names_key(name), "{name}");
        }
    }

    #[test]
    fn what_is_plainly_no_secret_can_be_shown() {
        let shown = |name: &str, value: &str| -> Vec<String> {
            secrets_of_variable(name, value).iter().map(|secret| secret.expose_secret().to_owned()).collect()
        };
        for value in ["/srv/files", "~/x", "C:\\files", "production", "127.0.0.1:8080", "https://h.example/v1?page=2"] {
            assert!(shown("PLACE", value).is_empty(), "{value}");
        }
        assert_eq!(shown("PLACE", "a1b2c3d4e5"), ["a1b2c3d4e5"]);
        assert_eq!(shown("API_KEY", "production"), ["production"]);
        assert_eq!(shown("LOGIN", "Bearer a1b2c3d4"), ["Bearer a1b2c3d4", "a1b2c3d4"]);
        assert_eq!(shown("DATABASE_URL", "pg://u:pass-word@h/d"), ["pg://u:pass-word@h/d", "pass-word"]);
        assert_eq!(shown("FEED", "https://h/?token=x1"), ["https://h/?token=x1"]);
    }
}
