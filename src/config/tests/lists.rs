//! Two values of one header at a time, so that it can be changed at the sender without a refused delivery.

use super::*;

const TWO: &str =
    "[sources.a]\nauth = { scheme = \"authorization\", value_env = [\"NEW\", \"OLD\"] }";

#[test]
fn each_of_the_named_values_counts() {
    let case = Case::new(TWO)
        .env("NEW", "Bearer new")
        .env("OLD", "Bearer old");
    let settings = case.settings();
    let Auth::Authorization(secrets) = &source(&settings, "a").auth else {
        panic!("no secret");
    };
    assert!(secrets.matches(b"Bearer new") && secrets.matches(b"Bearer old"));
    assert!(!secrets.matches(b"Bearer") && !secrets.matches(b""));
    let described = settings.describe();
    let line = "  auth                     authorization: compared with the environment variable NEW or the environment variable OLD\n";
    assert!(described.contains(line), "{described}");

    let files = "[sources.a]\nauth = { scheme = \"authorization\", value_file = [\n  \"new\",\n  \"old\",\n] }";
    let case = Case::new(files).file("new", "n\n").file("old", "o\n");
    let folder = case.folder.path();
    let names = ["rowhook.toml", "new", "old"];
    assert_eq!(case.settings().files(), names.map(|name| folder.join(name)));
}

#[test]
fn one_in_a_list_is_as_good_as_one() {
    let one = "[sources.a]\nauth = { scheme = \"authorization\", value_env = [\"NEW\"] }";
    let alone = one.replace("[\"NEW\"]", "\"NEW\"");
    let sources = |toml: &str| Case::new(toml).env("NEW", "x").settings().sources;
    assert_eq!(sources(one), sources(&alone));
}

#[test]
fn lists_that_cannot_be() {
    let list = |list: &str| {
        let toml = format!("[sources.a]\nauth = {{ scheme = \"authorization\", {list} }}");
        Case::new(toml)
            .env("NEW", "x")
            .env("EMPTY", "")
            .file("one", "")
            .error()
    };
    let texts = [
        "value_env = []",
        "value_env = [\"NEW\", 5]",
        "value_env = [[\"NEW\"]]",
        "value_env = 5",
        "value_env = [\"NEW\", \"NEW\"]",
        "value_env = [\"NEW\", \"OLD\"]",
        "value_env = [\"NEW\", \"EMPTY\"]",
        "value_env = [\"NEW\", \"hunter2\"]",
        "value_env = [\"NEW\"], value_file = [\"one\"]",
        "value_file = [\"one\"]",
        "value_file = [\"two\"]",
    ];
    insta::assert_snapshot!(texts.map(list).join("\n\n"), @r#"
    error: `value_env` is an empty list
     --> rowhook.toml:2:48
      |
    2 | auth = { scheme = "authorization", value_env = [] }
      |                                                ^^
      = help: name one or more, or remove it

    error: `value_env` takes text in quotes, not a number
     --> rowhook.toml:2:56
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^
      = help: write it in quotes

    error: `value_env` takes text in quotes, not a list
     --> rowhook.toml:2:49
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^

    error: `value_env` takes text in quotes, or a list of it, not a number
     --> rowhook.toml:2:48
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^

    error: `value_env` names the same twice
     --> rowhook.toml:2:56
      |
    2 | auth = { scheme = "authorization", value_env = ["NEW", "NEW"] }
      |                                                        ^^^^^
      = help: one of the two is enough: what is to be replaced, and what replaces it

    error: the environment variable OLD is not set
     --> rowhook.toml:2:56
      |
    2 | auth = { scheme = "authorization", value_env = ["NEW", "OLD"] }
      |                                                        ^^^^^
      = help: set it for rowhook, for example in the service's environment file

    error: the environment variable EMPTY is set but empty
     --> rowhook.toml:2:56
      |
    2 | auth = { scheme = "authorization", value_env = ["NEW", "EMPTY"] }
      |                                                        ^^^^^^^
      = help: set it for rowhook, for example in the service's environment file

    error: the environment variable that `value_env` names is not set
     --> rowhook.toml:2:56
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^
      = help: set it for rowhook, for example in the service's environment file

    error: `value_env` and `value_file` are both given
     --> rowhook.toml:2:71
      |
    2 | auth = { scheme = "authorization", value_env = ["NEW"], value_file = ["one"] }
      |                                                                       ^^^^^
      = help: keep the one that is to be used

    error: the file one is empty
     --> rowhook.toml:2:50
      |
    2 | auth = { scheme = "authorization", value_file = ["one"] }
      |                                                  ^^^^^
      = help: write the secret into it, on one line

    error: cannot read the secret in two: No such file or directory (os error 2)
     --> rowhook.toml:2:50
      |
    2 | auth = { scheme = "authorization", value_file = ["two"] }
      |                                                  ^^^^^
      = help: a path is taken relative to the folder of the configuration file
    "#);
    let token = Case::new("[access]\ntoken_env = [\"NEW\"]").env("NEW", "x");
    insta::assert_snapshot!(token.error(), @r#"
    error: `token_env` takes text in quotes, not a list
     --> rowhook.toml:2:13
      |
    2 | token_env = ["NEW"]
      |             ^^^^^^^
    "#);
}
