//! Whole configurations: what they come to, and the exact words when they do not.

use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::event::Preset;

mod columns;
mod lists;
mod tls;
mod views;

/// A folder of its own with `rowhook.toml` in it, and an environment.
struct Case {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, OsString)>,
    overrides: Overrides,
}

impl Case {
    /// Without a file.
    fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            env: Vec::new(),
            overrides: Overrides::default(),
        }
    }

    fn new(toml: impl AsRef<[u8]>) -> Self {
        let mut case = Self::bare().file("rowhook.toml", toml);
        case.overrides.config = Some(case.folder.path().join("rowhook.toml"));
        case
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    fn flags(mut self, change: impl FnOnce(&mut Overrides)) -> Self {
        change(&mut self.overrides);
        self
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        load(&self.overrides, &|name| {
            let found = self.env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        })
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error as it is shown, without the folder's name.
    #[track_caller]
    fn error(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// The errors of these files, one after the other.
#[track_caller]
fn errors(files: &[&str]) -> String {
    let texts: Vec<String> = files.iter().map(|toml| Case::new(toml).error()).collect();
    texts.join("\n\n")
}

fn source<'s>(settings: &'s Settings, name: &str) -> &'s Source {
    &settings.sources[name]
}

fn secret(value: &str, variable: &str) -> Secret {
    Secret::new(value.as_bytes(), Origin::Environment(variable.into()))
}

fn defaults() -> Settings {
    let name = SourceName::new("lessonly").unwrap();
    let lessonly = Source {
        name: name.clone(),
        preset: Preset::Lessonly,
        auth: Auth::None { written: false },
        identity: Identity::Content,
        requests_per_second_max: None,
        columns: None,
        views: Preset::Lessonly.views(),
    };
    Settings {
        file: None,
        listen: "127.0.0.1:8080".parse().unwrap(),
        output: "output".into(),
        timezone: Tz::UTC,
        public_url: None,
        trusted_proxies: Vec::new(),
        tls: None,
        scheme: "http",
        read_token: None,
        limits: Limits {
            body_bytes_max: 1_048_576,
            body_time_max: Duration::from_secs(30),
            head_time_max: Duration::from_secs(10),
            depth_max: 64,
            columns_max: 1000,
            connections_max: 4096,
            waiting_bytes_max: 67_108_864,
            rejected_bytes_max: 67_108_864,
        },
        dedup: Dedup {
            days: 7,
            ids_max: 2_000_000,
        },
        csv: Csv {
            formula_guard: true,
            bom: false,
        },
        sources: BTreeMap::from([(name, lessonly)]),
    }
}

#[test]
fn nothing_at_all_is_enough() {
    assert_eq!(Case::bare().settings(), defaults());
}

#[test]
fn an_empty_file_and_empty_tables_change_nothing() {
    for toml in [
        "",
        "# a comment\r\n",
        "\u{feff}[access]\n[limits]\n[dedup]\n[csv]\n",
    ] {
        let case = Case::new(toml);
        let expected = Settings {
            file: case.overrides.config.clone(),
            ..defaults()
        };
        assert_eq!(case.settings(), expected, "{toml:?}");
    }
}

#[test]
fn the_example_has_every_key_and_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rowhook.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = Settings {
        file: Some(path.clone()),
        ..defaults()
    };
    let case = Case::bare().flags(|flags| flags.config = Some(path));
    assert_eq!(case.settings(), expected);
    for key in file::known_keys() {
        assert!(text.contains(key), "the example lacks `{key}`");
    }
}

#[test]
fn what_the_example_leaves_out_works_once_it_is_let_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rowhook.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let let_in = |lines: &[&str]| {
        let mut text = text.clone();
        for line in lines {
            let commented = format!("\n# {line}");
            assert!(text.contains(&commented), "the example lacks {commented:?}");
            text = text.replace(&commented, &format!("\n{line}"));
        }
        let case = Case::new(text)
            .env("LESSONLY_AUTHORIZATION", "Bearer abc")
            .file("read-token", "t")
            .file("orders-secret", "Bearer abc");
        case.env("ROWHOOK_TOKEN", "t").settings()
    };
    assert!(let_in(&["public_url"]).public_url.is_some());
    assert!(let_in(&["token_env"]).read_token.is_some());
    assert!(let_in(&["token_file"]).read_token.is_some());
    let lessonly = &let_in(&["auth = ", "requests_per_second_max"]).sources["lessonly"];
    assert!(matches!(lessonly.auth, Auth::Authorization(_)));
    assert!(lessonly.requests_per_second_max.is_some());
    let orders = ["[sources.orders]", "auth  =", "dedup = \"id\"", "id    ="];
    assert_eq!(let_in(&orders).sources.len(), 2);
}

/// As the documentation shows it, whole.
const FULL: &str = r#"
listen     = "127.0.0.1:9090"
output     = "out"
timezone   = "Europe/Berlin"
public_url = "https://hooks.example.com/"

[access]
token_env = "READ_TOKEN"

[limits]
body_bytes_max     = 2_097_152
body_seconds_max   = 60
depth_max          = 0x20
columns_max        = 2000
connections_max    = 100
waiting_bytes_max  = 2_097_152
rejected_bytes_max = 1

[dedup]
days    = 30
ids_max = 10

[csv]
formula_guard = false
bom           = true

[sources.lessonly]
preset = "lessonly"
auth   = { scheme = "authorization", value_env = "LESSONLY_AUTHORIZATION" }
requests_per_second_max = 1_000

[sources.orders]
auth  = { scheme = "none" }
dedup = "id"
id    = "/order/id"

[sources.a]
dedup = "id"
id    = "X-Request-Id"

[sources.b]
preset = "generic"
dedup  = "off"
[sources.b.auth]
scheme     = "authorization"
value_file = "secrets/b"
"#;

fn full() -> Case {
    let case = Case::new(FULL)
        .env("READ_TOKEN", "r-token")
        .env("LESSONLY_AUTHORIZATION", "Bearer abc");
    std::fs::create_dir(case.folder.path().join("secrets")).unwrap();
    case.file("secrets/b", "Basic dTpw\n")
}

#[test]
fn every_key_counts() {
    let case = full();
    let settings = case.settings();
    assert_eq!(settings.file, case.overrides.config);
    assert_eq!(settings.listen, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(settings.output, Path::new("out"));
    assert_eq!(settings.timezone, Tz::Europe__Berlin);
    assert_eq!(
        settings.public_url.as_deref(),
        Some("https://hooks.example.com")
    );
    assert_eq!(settings.read_token, Some(secret("r-token", "READ_TOKEN")));
    let limits = Limits {
        body_bytes_max: 2_097_152,
        body_time_max: Duration::from_secs(60),
        head_time_max: Duration::from_secs(10),
        depth_max: 32,
        columns_max: 2000,
        connections_max: 100,
        waiting_bytes_max: 2_097_152,
        rejected_bytes_max: 1,
    };
    assert_eq!(settings.limits, limits);
    assert_eq!((settings.dedup.days, settings.dedup.ids_max), (30, 10));
    assert_eq!(
        (settings.csv.formula_guard, settings.csv.bom),
        (false, true)
    );

    let names: Vec<&str> = settings.sources.keys().map(SourceName::as_str).collect();
    assert_eq!(names, ["a", "b", "lessonly", "orders"]);
    let lessonly = source(&settings, "lessonly");
    assert_eq!(lessonly.name.as_str(), "lessonly");
    assert_eq!(lessonly.preset, Preset::Lessonly);
    let expected = secret("Bearer abc", "LESSONLY_AUTHORIZATION");
    assert_eq!(lessonly.auth, Auth::Authorization(expected.into()));
    assert_eq!(lessonly.identity, Identity::Content);
    assert_eq!(lessonly.requests_per_second_max, NonZeroU32::new(1000));
    let orders = source(&settings, "orders");
    assert_eq!(orders.preset, Preset::Generic);
    assert_eq!(orders.auth, Auth::None { written: true });
    assert_eq!(orders.identity, Identity::Pointer("/order/id".into()));
    let a = source(&settings, "a");
    assert_eq!(a.auth, Auth::None { written: false });
    assert_eq!(a.identity, Identity::Header("x-request-id".into()));
    let b = source(&settings, "b");
    let path = case.folder.path().join("secrets/b");
    let expected = Secret::new(b"Basic dTpw".as_slice(), Origin::File(path));
    assert_eq!(b.auth, Auth::Authorization(expected.into()));
    assert_eq!(b.identity, Identity::Off);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let listens = |case: &Case| case.settings().listen.port();
    let writes = |case: &Case| case.settings().output;
    let case = Case::new("listen = \"localhost:1\"\noutput = \"file\"");
    assert_eq!((listens(&case), writes(&case)), (1, "file".into()));
    let case = case.env("ROWHOOK_LISTEN", "").env("ROWHOOK_OUTPUT", "");
    assert_eq!((listens(&case), writes(&case)), (1, "file".into()));
    let mut case = case;
    case.env.clear();
    let case = case
        .env("ROWHOOK_LISTEN", "[::1]:2")
        .env("ROWHOOK_OUTPUT", "env");
    assert_eq!((listens(&case), writes(&case)), (2, "env".into()));
    let case = case.flags(|flags| {
        flags.listen = Some("127.0.0.1:3".into());
        flags.output = Some("flag".into());
    });
    assert_eq!((listens(&case), writes(&case)), (3, "flag".into()));
}

#[test]
fn the_file_is_named_by_flag_or_else_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("env.toml"), "output = \"by-env\"").unwrap();
    std::fs::write(path("flag.toml"), "output = \"by-flag\"").unwrap();
    let case = Case::bare().env("ROWHOOK_CONFIG", path("env.toml"));
    assert_eq!(case.settings().output, Path::new("by-env"));
    let case = case.flags(|flags| flags.config = Some(path("flag.toml")));
    assert_eq!(case.settings().output, Path::new("by-flag"));
    let case = Case::bare().env("ROWHOOK_CONFIG", "");
    assert_eq!(case.settings(), defaults());
}

#[test]
fn a_file_that_cannot_be_read() {
    let case = Case::bare().flags(|flags| flags.config = Some("no/such.toml".into()));
    insta::assert_snapshot!(case.error(), @r"
    error: cannot read the configuration no/such.toml: No such file or directory (os error 2)
     --> --config
    ");
    let case = Case::bare().env("ROWHOOK_CONFIG", "src");
    insta::assert_snapshot!(case.error(), @r"
    error: cannot read the configuration src: Is a directory (os error 21)
     --> ROWHOOK_CONFIG
    ");
    let case = Case::new("#".repeat((1 << 20) + 1));
    insta::assert_snapshot!(case.error(), @r"
    error: cannot read the configuration rowhook.toml: it is larger than 1 MiB
     --> --config
    ");
    let case = Case::new(b"bom = true\ntimezone = \"Z\xfcrich\"\n");
    insta::assert_snapshot!(case.error(), @r#"
    error: the configuration is not UTF-8 text here
     --> rowhook.toml:2:14
      |
    2 | timezone = "Z�rich"
      |              ^
      = help: save the file as UTF-8
    "#);
    let case = Case::new(b"\xff\xfel\0i\0s\0");
    insta::assert_snapshot!(case.error(), @r"
    error: the configuration is not UTF-8 text here
     --> rowhook.toml:1:1
      |
    1 | …
      | ^
      = help: save the file as UTF-8
    ");
}

#[test]
fn broken_toml() {
    insta::assert_snapshot!(errors(&[
        "listen = 127.0.0.1:8080",
        "listen \"127.0.0.1:8080\"",
        "[limits\ndays = 1",
        "output = \"x",
        "bom = true\nbom = false",
        "[csv]\nbom =\n",
        "[csv]\n[limits]\n[csv]\n",
        "[sources.lessonly]\nauth = {",
    ]), @r#"
    error: this is not TOML: invalid float, expected nothing
     --> rowhook.toml:1:15
      |
    1 | listen = 127.0.0.1:8080
      |               ^^^^^^^^^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: key with no value, expected `=`
     --> rowhook.toml:1:8
      |
    1 | listen…
      |       ^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: unclosed table, expected `]`
     --> rowhook.toml:1:8
      |
    1 | [limits
      |        ^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: invalid basic string, expected `"`
     --> rowhook.toml:1:12
      |
    1 | output = "x
      |            ^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: duplicate key
     --> rowhook.toml:2:1
      |
    2 | bom = false
      | ^^^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: string values must be quoted, expected literal string
     --> rowhook.toml:2:6
      |
    2 | bom =
      |      ^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: duplicate key
     --> rowhook.toml:3:2
      |
    3 | [csv]
      |  ^^^
      = help: a line is `key = value`; text stands in quotes, numbers do not

    error: this is not TOML: unclosed inline table, expected `}`
     --> rowhook.toml:2:9
      |
    2 | auth = {
      |         ^
      = help: a line is `key = value`; text stands in quotes, numbers do not
    "#);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(errors(&[
        "\n\n\n\n\n[limits]\nbody_bytes_maks = 5\n",
        "lisen = \"127.0.0.1:8080\"",
        "[dedup]\nhours = 5",
        "[csv]\nbom = true\noutput = \"out\"",
        "depth_max = 5",
        "[sources.a]\nreqests_per_second_max = 5",
        "[sources.a]\nvalue_env = \"NAME\"",
        "[sources.a]\nauth = { schema = \"none\" }",
        "[lmits]\n",
        "\"a\\u001bb\" = 1",
    ]), @r#"
    error: unknown key `body_bytes_maks`
     --> rowhook.toml:7:1
      |
    7 | body_bytes_maks = 5
      | ^^^^^^^^^^^^^^^
      = help: did you mean `body_bytes_max`?
      = help: known keys here: `body_bytes_max`, `body_seconds_max`, `head_seconds_max`, `depth_max`, `columns_max`, `connections_max`, `waiting_bytes_max`, `rejected_bytes_max`

    error: unknown key `lisen`
     --> rowhook.toml:1:1
      |
    1 | lisen = "127.0.0.1:8080"
      | ^^^^^
      = help: did you mean `listen`?
      = help: known keys here: `listen`, `output`, `timezone`, `public_url`, `trusted_proxies`, `tls`, `access`, `limits`, `dedup`, `csv`, `sources`

    error: unknown key `hours`
     --> rowhook.toml:2:1
      |
    2 | hours = 5
      | ^^^^^
      = help: known keys here: `days`, `ids_max`

    error: unknown key `output`
     --> rowhook.toml:3:1
      |
    3 | output = "out"
      | ^^^^^^
      = help: `output` belongs at the top of the file, before the first `[…]`
      = help: known keys here: `formula_guard`, `bom`

    error: unknown key `depth_max`
     --> rowhook.toml:1:1
      |
    1 | depth_max = 5
      | ^^^^^^^^^
      = help: `depth_max` belongs under `[limits]`
      = help: known keys here: `listen`, `output`, `timezone`, `public_url`, `trusted_proxies`, `tls`, `access`, `limits`, `dedup`, `csv`, `sources`

    error: unknown key `reqests_per_second_max`
     --> rowhook.toml:2:1
      |
    2 | reqests_per_second_max = 5
      | ^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `requests_per_second_max`?
      = help: known keys here: `preset`, `auth`, `dedup`, `id`, `requests_per_second_max`, `test_rows`, `columns`, `views`

    error: unknown key `value_env`
     --> rowhook.toml:2:1
      |
    2 | value_env = "NAME"
      | ^^^^^^^^^
      = help: `value_env` belongs inside `auth = { … }`
      = help: known keys here: `preset`, `auth`, `dedup`, `id`, `requests_per_second_max`, `test_rows`, `columns`, `views`

    error: unknown key `schema`
     --> rowhook.toml:2:10
      |
    2 | auth = { schema = "none" }
      |          ^^^^^^
      = help: did you mean `scheme`?
      = help: known keys here: `scheme`, `value_env`, `value_file`

    error: unknown key `lmits`
     --> rowhook.toml:1:2
      |
    1 | [lmits]
      |  ^^^^^
      = help: did you mean `limits`?
      = help: known keys here: `listen`, `output`, `timezone`, `public_url`, `trusted_proxies`, `tls`, `access`, `limits`, `dedup`, `csv`, `sources`

    error: unknown key `a\u{1b}b`
     --> rowhook.toml:1:1
      |
    1 | …
      | ^
      = help: known keys here: `listen`, `output`, `timezone`, `public_url`, `trusted_proxies`, `tls`, `access`, `limits`, `dedup`, `csv`, `sources`
    "#);
}

#[test]
fn values_of_the_wrong_type() {
    insta::assert_snapshot!(errors(&[
        "listen = 8080",
        "[limits]\ndepth_max = \"64\"",
        "[limits]\ndepth_max = 64.0",
        "[dedup]\ndays = true",
        "[csv]\nbom = \"false\"",
        "[csv]\nbom = 1",
        "limits = 5",
        "sources = [\"lessonly\"]",
        "[[sources]]\nname = \"lessonly\"",
        "[sources.a]\nauth = \"none\"",
        "timezone = 1979-05-27",
        "public_url = [\"https://example.com\"]",
        "output = { folder = \"x\" }",
    ]), @r#"
    error: `listen` takes text in quotes, not a number
     --> rowhook.toml:1:10
      |
    1 | listen = 8080
      |          ^^^^
      = help: write it in quotes

    error: `depth_max` takes a whole number, not text
     --> rowhook.toml:2:13
      |
    2 | depth_max = "64"
      |             ^^^^
      = help: write it without quotes

    error: `depth_max` takes a whole number, not a number with a point
     --> rowhook.toml:2:13
      |
    2 | depth_max = 64.0
      |             ^^^^

    error: `days` takes a whole number, not `true` or `false`
     --> rowhook.toml:2:8
      |
    2 | days = true
      |        ^^^^

    error: `bom` takes `true` or `false`, not text
     --> rowhook.toml:2:7
      |
    2 | bom = "false"
      |       ^^^^^^^
      = help: write it without quotes

    error: `bom` takes `true` or `false`, not a number
     --> rowhook.toml:2:7
      |
    2 | bom = 1
      |       ^

    error: `limits` takes a table, not a number
     --> rowhook.toml:1:10
      |
    1 | limits = 5
      |          ^

    error: `sources` takes a table, not a list
     --> rowhook.toml:1:11
      |
    1 | sources = …
      |           ^
      = help: write `[sources.NAME]` on a line of its own for each

    error: `sources` takes a table, not a list
     --> rowhook.toml:1:1
      |
    1 | [[sources]]
      | ^^^^^^^^^^^
      = help: write `[sources.NAME]` on a line of its own for each

    error: `auth` takes a table, not text
     --> rowhook.toml:2:8
      |
    2 | auth = …
      |        ^
      = help: write `auth = { scheme = "none" }` or `auth = { scheme = "authorization", value_env = "NAME" }`

    error: `timezone` takes text in quotes, not a date
     --> rowhook.toml:1:12
      |
    1 | timezone = 1979-05-27
      |            ^^^^^^^^^^

    error: `public_url` takes text in quotes, not a list
     --> rowhook.toml:1:14
      |
    1 | public_url = ["https://example.com"]
      |              ^^^^^^^^^^^^^^^^^^^^^^^

    error: `output` takes text in quotes, not a table
     --> rowhook.toml:1:10
      |
    1 | output = { folder = …
      |          ^^^^^^^^^^^
    "#);
}

#[test]
fn limits_have_their_ranges() {
    let table = |section: &str, key: &str, least: u64, most: u64| {
        for good in [least, most] {
            let waiting = if key == "body_bytes_max" {
                "waiting_bytes_max = 1_099_511_627_776"
            } else if key == "waiting_bytes_max" {
                "body_bytes_max = 1"
            } else {
                ""
            };
            Case::new(format!("[{section}]\n{key} = {good}\n{waiting}")).settings();
        }
        for bad in [
            "-1".to_owned(),
            (least - 1).to_string(),
            (most + 1).to_string(),
            "9223372036854775807".to_owned(),
        ] {
            let error = Case::new(format!("[{section}]\n{key} = {bad}")).error();
            let (least, most) = (value::grouped(least), value::grouped(most));
            let expected = format!("error: `{key}` must be from {least} to {most}\n");
            assert!(error.starts_with(&expected), "{key} = {bad}: {error}");
        }
    };
    table("limits", "body_bytes_max", 1, 1 << 30);
    table("limits", "body_seconds_max", 1, 3600);
    table("limits", "head_seconds_max", 1, 3600);
    table("limits", "depth_max", 1, 1000);
    table("limits", "columns_max", 16, 16_384);
    table("limits", "connections_max", 1, 1_000_000);
    table("limits", "waiting_bytes_max", 1, 1 << 40);
    table("limits", "rejected_bytes_max", 1, 1 << 40);
    table("dedup", "days", 1, 3650);
    table("dedup", "ids_max", 1, 1_000_000_000);
    table("sources.a", "requests_per_second_max", 1, 1_000_000);
    insta::assert_snapshot!(errors(&[
        "[limits]\ndepth_max = 0",
        "[limits]\nbody_bytes_max = 0xFFFF_FFFF_FFFF_FFFF_FF",
        "[limits]\nbody_bytes_max = 100_000_000",
        "[limits]\nbody_bytes_max = 2_000\nwaiting_bytes_max = 1_000",
    ]), @r"
    error: `depth_max` must be from 1 to 1_000
     --> rowhook.toml:2:13
      |
    2 | depth_max = 0
      |             ^

    error: `body_bytes_max` must be from 1 to 1_073_741_824
     --> rowhook.toml:2:18
      |
    2 | body_bytes_max = 0xFFFF_FFFF_FFFF_FFFF_FF
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^

    error: `waiting_bytes_max` (67_108_864) must be at least `body_bytes_max` (100_000_000)
     --> rowhook.toml:2:18
      |
    2 | body_bytes_max = 100_000_000
      |                  ^^^^^^^^^^^
      = help: one body of the largest size must fit; better are many

    error: `waiting_bytes_max` (1_000) must be at least `body_bytes_max` (2_000)
     --> rowhook.toml:3:21
      |
    3 | waiting_bytes_max = 1_000
      |                     ^^^^^
      = help: one body of the largest size must fit; better are many
    ");
}

#[test]
fn values_that_are_not_valid_show_their_place() {
    insta::assert_snapshot!(errors(&[
        "listen = \"example.com:8080\"",
        "output = \"\"",
        "timezone = \"Europe/Berlim\"",
        "public_url = \"https://me:hunter2@example.com\"",
        "[sources.Orders]\n",
        "[sources]\n",
        "sources = {}",
        "[sources.a]\npreset = \"lesonly\"",
        "[sources.a]\ndedup = \"contents\"",
        "[sources.a]\ndedup = \"id\"",
        "[sources.a]\nid = \"/id\"",
        "[sources.a]\ndedup = \"off\"\nid = \"/id\"",
        "[sources.a]\ndedup = \"id\"\nid = \"/a~b\"",
    ]), @r#"
    error: "example.com:8080" is no address to listen on
     --> rowhook.toml:1:10
      |
    1 | listen = "example.com:8080"
      |          ^^^^^^^^^^^^^^^^^^
      = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up

    error: `output` is empty
     --> rowhook.toml:1:10
      |
    1 | output = ""
      |          ^^
      = help: write `.` for the current folder

    error: unknown time zone "Europe/Berlim"
     --> rowhook.toml:1:12
      |
    1 | timezone = "Europe/Berlim"
      |            ^^^^^^^^^^^^^^^
      = help: did you mean `Europe/Berlin`?
      = help: use an IANA name such as `UTC`, `Europe/Berlin` or `America/New_York`

    error: the public URL contains a user name or password
     --> rowhook.toml:1:14
      |
    1 | public_url = …
      |              ^
      = help: write `https://` or `http://` and the host, for example `https://hooks.example.com`

    error: "Orders" is no source name: use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit
     --> rowhook.toml:1:10
      |
    1 | [sources.Orders]
      |          ^^^^^^

    error: `sources` is empty: nobody could send anything
     --> rowhook.toml:1:1
      |
    1 | [sources]
      | ^^^^^^^^^
      = help: name a source with `[sources.NAME]`, or leave `sources` out to have `lessonly` alone

    error: `sources` is empty: nobody could send anything
     --> rowhook.toml:1:11
      |
    1 | sources = {}
      |           ^^
      = help: name a source with `[sources.NAME]`, or leave `sources` out to have `lessonly` alone

    error: unknown preset "lesonly"
     --> rowhook.toml:2:10
      |
    2 | preset = "lesonly"
      |          ^^^^^^^^^
      = help: did you mean `lessonly`?
      = help: known: `generic`, `lessonly`

    error: unknown dedup "contents"
     --> rowhook.toml:2:9
      |
    2 | dedup = "contents"
      |         ^^^^^^^^^^
      = help: did you mean `content`?
      = help: known: `content`, `off`, `id`

    error: `dedup = "id"` needs an `id`
     --> rowhook.toml:2:9
      |
    2 | dedup = "id"
      |         ^^^^
      = help: add `id = "/order/id"` (a place in the payload) or `id = "X-Request-Id"` (a header)

    error: `id` has no meaning with `dedup = "content"`
     --> rowhook.toml:2:6
      |
    2 | id = "/id"
      |      ^^^^^
      = help: write `dedup = "id"`, or remove `id`

    error: `id` has no meaning with `dedup = "off"`
     --> rowhook.toml:3:6
      |
    3 | id = "/id"
      |      ^^^^^
      = help: write `dedup = "id"`, or remove `id`

    error: "/a~b" is no JSON Pointer
     --> rowhook.toml:3:6
      |
    3 | id = "/a~b"
      |      ^^^^^^
      = help: in a key, `~` is written `~0` and `/` is written `~1` (RFC 6901)
    "#);
}

#[test]
fn flags_and_variables_that_are_not_valid_are_named() {
    let flag = Case::bare().flags(|flags| flags.listen = Some("8080".into()));
    insta::assert_snapshot!(flag.error(), @r#"
    error: "8080" is no address to listen on
     --> --listen
      = help: write `127.0.0.1:8080`, or `0.0.0.0:8080` for all networks
    "#);
    let empty = Case::bare().flags(|flags| flags.listen = Some(String::new()));
    insta::assert_snapshot!(empty.error(), @r#"
    error: "" is no address to listen on
     --> --listen
      = help: write an IP address and a port, for example `127.0.0.1:8080` or `[::1]:8080`; names other than `localhost` are not looked up
    "#);
    let variable = Case::bare().env("ROWHOOK_LISTEN", "127.0.0.1");
    insta::assert_snapshot!(variable.error(), @r#"
    error: "127.0.0.1" is no address to listen on
     --> ROWHOOK_LISTEN
      = help: write a port as well: `127.0.0.1:8080`
    "#);
}

#[cfg(unix)]
#[test]
fn variables_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(b"out\xff".to_vec());
    let listen = Case::bare().env("ROWHOOK_LISTEN", bytes());
    insta::assert_snapshot!(listen.error(), @r"
    error: the value is not UTF-8 text
     --> ROWHOOK_LISTEN
    ");
    let token = Case::bare().env("ROWHOOK_TOKEN", bytes());
    insta::assert_snapshot!(token.error(), @r"
    error: the read token is not UTF-8 text
     --> ROWHOOK_TOKEN
    ");
    let output = Case::bare().env("ROWHOOK_OUTPUT", bytes());
    assert_eq!(output.settings().output.into_os_string(), bytes());
    let header = Case::bare().env("LESSONLY_AUTHORIZATION", bytes());
    let settings = header.settings();
    let Auth::Authorization(secret) = &source(&settings, "lessonly").auth else {
        panic!("{settings:?}");
    };
    assert_eq!(secret.iter().next().unwrap().expose(), b"out\xff");
}

#[test]
fn the_read_token_and_where_it_comes_from() {
    let token = |case: &Case| case.settings().read_token;
    let by_variable = Case::bare().env("ROWHOOK_TOKEN", "t");
    assert_eq!(token(&by_variable), Some(secret("t", "ROWHOOK_TOKEN")));
    let not_mentioned = Case::new("[access]").env("ROWHOOK_TOKEN", "t");
    assert_eq!(token(&not_mentioned), Some(secret("t", "ROWHOOK_TOKEN")));
    let named = Case::new("access.token_env = \"OTHER\"")
        .env("ROWHOOK_TOKEN", "t")
        .env("OTHER", "o");
    assert_eq!(token(&named), Some(secret("o", "OTHER")));
    let in_file = Case::new("access.token_file = \"t\"")
        .file("t", "f\r\n")
        .env("ROWHOOK_TOKEN", "");
    let path = in_file.folder.path().join("t");
    let expected = Secret::new(b"f".as_slice(), Origin::File(path.clone()));
    assert_eq!(token(&in_file), Some(expected.clone()));
    let absolute = Case::new(format!("access.token_file = {:?}", path.to_str().unwrap()));
    assert_eq!(token(&absolute), Some(expected));
}

#[test]
fn a_source_without_auth_takes_its_presets() {
    let auth = |toml: &str| {
        let case = Case::new(toml).env("LESSONLY_AUTHORIZATION", "Bearer abc");
        let settings = case.settings();
        settings.sources.into_values().next().unwrap().auth
    };
    let expected = Auth::Authorization(secret("Bearer abc", "LESSONLY_AUTHORIZATION").into());
    assert_eq!(auth(""), expected);
    assert_eq!(auth("[sources.academy]\npreset = \"lessonly\""), expected);
    let by_default = Auth::None { written: false };
    assert_eq!(auth("[sources.lessonly]\n"), by_default);
    assert_eq!(auth("[sources.lessonly]\npreset = \"generic\""), by_default);
    let none = "[sources.lessonly]\npreset = \"lessonly\"\nauth.scheme = \"none\"";
    assert_eq!(auth(none), Auth::None { written: true });
}

#[test]
fn auth_that_is_not_complete() {
    insta::assert_snapshot!(errors(&[
        "[sources.a]\nauth = {}",
        "[sources.a.auth]\nvalue_env = \"NAME\"",
        "[sources.a]\nauth = { scheme = \"authorization\" }",
        "[sources.a]\nauth = { scheme = \"none\", value_env = \"NAME\" }",
        "[sources.a]\nauth = { scheme = \"authorisation\", value_env = \"NAME\" }",
        "[sources.a]\nauth = { scheme = \"authorization\", value_env = \"NAME\", value_file = \"x\" }",
        "[access]\ntoken_file = \"x\"\ntoken_env = \"NAME\"",
    ]), @r#"
    error: `auth` names no `scheme`
     --> rowhook.toml:2:8
      |
    2 | auth = {}
      |        ^^
      = help: write `scheme = "authorization"` or `scheme = "none"`

    error: `auth` names no `scheme`
     --> rowhook.toml:1:1
      |
    1 | [sources.a.auth]
      | ^^^^^^^^^^^^^^^^
      = help: write `scheme = "authorization"` or `scheme = "none"`

    error: the scheme `authorization` needs a value to compare with
     --> rowhook.toml:2:19
      |
    2 | auth = { scheme = "authorization" }
      |                   ^^^^^^^^^^^^^^^
      = help: add `value_env = "NAME"` or `value_file = "PATH"`

    error: the scheme `none` compares with no value
     --> rowhook.toml:2:39
      |
    2 | auth = { scheme = "none", value_env = "NAME" }
      |                                       ^^^^^^
      = help: remove it, or write `scheme = "authorization"`

    error: unknown scheme
     --> rowhook.toml:2:19
      |
    2 | auth = { scheme = "authorisation", value_env = "NAME" }
      |                   ^^^^^^^^^^^^^^^
      = help: did you mean `authorization`?
      = help: known schemes: `authorization`, `none`

    error: `value_env` and `value_file` are both given
     --> rowhook.toml:2:69
      |
    2 | auth = { scheme = "authorization", value_env = "NAME", value_file = "x" }
      |                                                                     ^^^
      = help: keep the one that is to be used

    error: `token_env` and `token_file` are both given
     --> rowhook.toml:2:14
      |
    2 | token_file = "x"
      |              ^^^
      = help: keep the one that is to be used
    "#);
}

#[test]
fn a_secret_that_is_named_must_be_there() {
    insta::assert_snapshot!(errors(&[
        "[access]\ntoken_env = \"NAME\"",
        "[access]\ntoken_env = \"ROWHOOK_TOKEN\"",
        "[access]\ntoken_file = \"no-such-file\"",
        "[access]\ntoken_file = \"\"",
        "[sources.a]\nauth = { scheme = \"authorization\", value_env = \"NAME\" }",
    ]), @r#"
    error: the environment variable NAME is not set
     --> rowhook.toml:2:13
      |
    2 | token_env = "NAME"
      |             ^^^^^^
      = help: set it for rowhook, for example in the service's environment file

    error: the environment variable ROWHOOK_TOKEN is not set
     --> rowhook.toml:2:13
      |
    2 | token_env = "ROWHOOK_TOKEN"
      |             ^^^^^^^^^^^^^^^
      = help: set it for rowhook, for example in the service's environment file

    error: cannot read the secret in no-such-file: No such file or directory (os error 2)
     --> rowhook.toml:2:14
      |
    2 | token_file = "no-such-file"
      |              ^^^^^^^^^^^^^^
      = help: a path is taken relative to the folder of the configuration file

    error: `token_file` is empty
     --> rowhook.toml:2:14
      |
    2 | token_file = ""
      |              ^^

    error: the environment variable NAME is not set
     --> rowhook.toml:2:48
      |
    2 | auth = { scheme = "authorization", value_env = "NAME" }
      |                                                ^^^^^^
      = help: set it for rowhook, for example in the service's environment file
    "#);
    let empty = Case::new("[access]\ntoken_env = \"NAME\"").env("NAME", "");
    insta::assert_snapshot!(empty.error(), @r#"
    error: the environment variable NAME is set but empty
     --> rowhook.toml:2:13
      |
    2 | token_env = "NAME"
      |             ^^^^^^
      = help: set it for rowhook, for example in the service's environment file
    "#);
    let empty = Case::new("[access]\ntoken_file = \"t\"").file("t", "\n");
    insta::assert_snapshot!(empty.error(), @r#"
    error: the file t is empty
     --> rowhook.toml:2:14
      |
    2 | token_file = "t"
      |              ^^^
      = help: write the secret into it, on one line
    "#);
    let empty = Case::bare().env("ROWHOOK_TOKEN", "");
    insta::assert_snapshot!(empty.error(), @r"
    error: ROWHOOK_TOKEN is set but empty
     --> ROWHOOK_TOKEN
      = help: give it a value, or unset it
    ");
    let empty = Case::bare().env("LESSONLY_AUTHORIZATION", "");
    insta::assert_snapshot!(empty.error(), @r"
    error: LESSONLY_AUTHORIZATION is set but empty
     --> LESSONLY_AUTHORIZATION
      = help: give it a value, or unset it
    ");
}

#[test]
fn a_secret_that_no_header_can_carry() {
    let blank = Case::bare().env("LESSONLY_AUTHORIZATION", "Bearer hunter2 ");
    insta::assert_snapshot!(blank.error(), @r"
    error: the secret starts or ends with a blank, which HTTP removes from a header: it could never match
     --> LESSONLY_AUTHORIZATION
    ");
    let line_end = Case::new("[sources.a.auth]\nscheme = \"authorization\"\nvalue_file = \"s\"")
        .file("s", "Bearer hunter2\n\n");
    insta::assert_snapshot!(line_end.error(), @r#"
    error: the secret contains a line end or another control character, which no header can carry
     --> rowhook.toml:3:14
      |
    3 | value_file = "s"
      |              ^^^
      = help: it must be the value of the Authorization header, on one line
    "#);
    let mark = Case::new("[access]\ntoken_file = \"s\"").file("s", "\u{feff}hunter2");
    insta::assert_snapshot!(mark.error(), @r#"
    error: the secret starts with a byte order mark, which no sender sends
     --> rowhook.toml:2:14
      |
    2 | token_file = "s"
      |              ^^^
      = help: save the file as UTF-8 without a byte order mark
    "#);
    let token = Case::bare().env("ROWHOOK_TOKEN", "hunter 2");
    insta::assert_snapshot!(token.error(), @r"
    error: the read token contains a blank, a line end or a control character
     --> ROWHOOK_TOKEN
      = help: use letters, digits and punctuation; `openssl rand -hex 32` makes a good one
    ");
}

#[test]
fn a_secret_in_the_file_by_mistake_is_not_repeated() {
    for toml in [
        "[access]\ntoken = \"hunter2\"",
        "[access]\ntoken = hunter2",
        "[access]\ntoken hunter2",
        "[access]\ntoken = \"\"\"\nhunter2\n",
        "[access]\ntoken_env = \"hunter2\"",
        "[access]\ntoken_env = \"hunter2 \"",
        "[access]\ntoken_env = [\"hunter2\"]",
        "[access]\ntoken_env = \"A\" # not hunter2",
        "[sources.a]\nauth = \"hunter2\"",
        "[sources.a]\nauth = { scheme = \"hunter2\" }",
        "[sources.a]\nauth = { scheme = \"authorization\", value = \"hunter2\" }",
        "[sources.a]\nauth = { value = \"hunter2\", scheme = \"basik\" }",
        "[sources.a]\nauth = { scheme = \"authorization\", value_env = \"Bearer hunter2\" }",
        "[sources.a]\nauth = { scheme = \"authorization\" value = \"hunter2\" }",
        "[sources.a]\nsecret = \"hunter2\"",
        "public_url = \"https://me:hunter2@example.com/?\"",
        "public_url = https://me:hunter2@example.com/",
    ] {
        let case = Case::new(toml);
        let error = case.load().unwrap_err();
        for text in [error.to_string(), format!("{error:?}"), error.summary()] {
            assert!(!text.contains("hunter2"), "{toml}\n{text}");
        }
    }
    insta::assert_snapshot!(errors(&[
        "[access]\ntoken = \"hunter2\"",
        "[sources.a]\nauth = { scheme = \"authorization\", value = \"hunter2\" }",
        "[sources.a]\nauth = { scheme = \"authorization\", value_env = \"$NAME\" }",
        "[sources.a]\nauth = { scheme = \"authorization\", value_env = \"hunter2\" }",
    ]), @r#"
    error: unknown key `token`
     --> rowhook.toml:2:1
      |
    2 | token = …
      | ^^^^^
      = help: a secret never stands in this file: name its variable or its file
      = help: known keys here: `token_env`, `token_file`

    error: unknown key `value`
     --> rowhook.toml:2:36
      |
    2 | auth = { scheme = "authorization", value = …
      |                                    ^^^^^
      = help: a secret never stands in this file: name its variable or its file
      = help: known keys here: `scheme`, `value_env`, `value_file`

    error: `value_env` takes the name of an environment variable
     --> rowhook.toml:2:48
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^
      = help: write the name without `$`

    error: the environment variable that `value_env` names is not set
     --> rowhook.toml:2:48
      |
    2 | auth = { scheme = "authorization", value_env = …
      |                                                ^
      = help: set it for rowhook, for example in the service's environment file
    "#);
}

#[test]
fn other_machines_reach_no_source_that_is_open_by_default() {
    let flag = Case::bare().flags(|flags| flags.listen = Some("0.0.0.0:8080".into()));
    insta::assert_snapshot!(flag.error(), @r#"
    error: other machines can reach 0.0.0.0:8080, and these sources have no secret, so that anyone could send: `lessonly`
     --> --listen
      = help: either set LESSONLY_AUTHORIZATION to what Lessonly sends as Authorization header
      = help: or, if anyone may send, write `auth = { scheme = "none" }` beside `preset = "lessonly"` under `[sources.lessonly]`
    "#);
    let variable = Case::bare().env("ROWHOOK_LISTEN", "192.168.0.1:0");
    insta::assert_snapshot!(variable.error(), @r#"
    error: other machines can reach 192.168.0.1:0, and these sources have no secret, so that anyone could send: `lessonly`
     --> ROWHOOK_LISTEN
      = help: either set LESSONLY_AUTHORIZATION to what Lessonly sends as Authorization header
      = help: or, if anyone may send, write `auth = { scheme = "none" }` beside `preset = "lessonly"` under `[sources.lessonly]`
    "#);
    let file =
        "listen = \"[::]:80\"\n[sources.b]\n[sources.a]\n[sources.c]\nauth.scheme = \"none\"";
    insta::assert_snapshot!(Case::new(file).error(), @r#"
    error: other machines can reach [::]:80, and these sources have no secret, so that anyone could send: `a`, `b`
     --> rowhook.toml:1:10
      |
    1 | listen = "[::]:80"
      |          ^^^^^^^^^
      = help: either write `auth = { scheme = "authorization", value_env = "NAME" }` under `[sources.a]`
      = help: or, if anyone may send, write `auth = { scheme = "none" }` under `[sources.a]`
      = help: each of them needs one of the two
    "#);
}

#[test]
fn other_machines_reach_what_has_a_secret_or_is_open_on_purpose() {
    let all = "listen = \"0.0.0.0:80\"\n";
    Case::new(all)
        .env("LESSONLY_AUTHORIZATION", "Bearer abc")
        .settings();
    Case::new(format!("{all}[sources.a]\nauth.scheme = \"none\"")).settings();
    // A flag for this machine alone makes good what the file says.
    Case::new(all)
        .flags(|flags| flags.listen = Some("127.0.0.1:0".into()))
        .settings();
}

#[test]
fn one_line_for_the_log() {
    let case = Case::new("[csv]\nbomb = true");
    let error = case.load().unwrap_err();
    let path = case.overrides.config.as_ref().unwrap().display();
    assert_eq!(error.summary(), format!("{path}:2:1: unknown key `bomb`"));
    let error = Case::bare().env("ROWHOOK_TOKEN", "").load().unwrap_err();
    assert_eq!(
        error.summary(),
        "ROWHOOK_TOKEN: ROWHOOK_TOKEN is set but empty"
    );
}

#[test]
fn debug_and_description_tell_no_secret() {
    let settings = full().settings();
    for text in [format!("{settings:?}"), settings.describe()] {
        for secret in ["r-token", "Bearer abc", "dTpw"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn the_description() {
    insta::assert_snapshot!(Case::bare().settings().describe(), @r"
    configuration              none
    listen                     127.0.0.1:8080 (this machine alone)
    public_url                 not set
    tls                        off
    trusted_proxies            none
    timezone                   UTC
    read token                 made at the first start, kept in output/state/token
    output                     output
      tables                   output/csv/SOURCE/DAY.csv
      journal                  output/journal/DAY.jsonl
      rejected                 output/rejected/DAY.jsonl
      state                    output/state

    limits
      body_bytes_max           1_048_576
      body_seconds_max         30
      head_seconds_max         10
      depth_max                64
      columns_max              1_000
      connections_max          4_096
      waiting_bytes_max        67_108_864
      rejected_bytes_max       67_108_864

    dedup
      days                     7
      ids_max                  2_000_000

    csv
      formula_guard            true
      bom                      false

    source lessonly
      callback                 /hooks/lessonly
      preset                   lessonly
      auth                     none, because LESSONLY_AUTHORIZATION is not set
      dedup                    content: equal payloads are one event
      requests_per_second_max  no limit
      test_rows                true
      views                    best, completed (matrix), latest, matrix
    ");
    let mut case = full();
    case.overrides.listen = Some("127.0.0.1:0".into());
    let folder = format!("{}/", case.folder.path().display());
    insta::assert_snapshot!(case.settings().describe().replace(&folder, ""), @r"
    configuration              rowhook.toml
    listen                     127.0.0.1:0 (this machine alone)
    public_url                 https://hooks.example.com
    tls                        off
    trusted_proxies            none
    timezone                   Europe/Berlin
    read token                 from the environment variable READ_TOKEN
    output                     out
      tables                   out/csv/SOURCE/DAY.csv
      journal                  out/journal/DAY.jsonl
      rejected                 out/rejected/DAY.jsonl
      state                    out/state

    limits
      body_bytes_max           2_097_152
      body_seconds_max         60
      head_seconds_max         10
      depth_max                32
      columns_max              2_000
      connections_max          100
      waiting_bytes_max        2_097_152
      rejected_bytes_max       1

    dedup
      days                     30
      ids_max                  10

    csv
      formula_guard            false
      bom                      true

    source a
      callback                 https://hooks.example.com/hooks/a
      preset                   generic
      auth                     none, because the configuration names none
      dedup                    id: the value of the header x-request-id
      requests_per_second_max  no limit
      test_rows                true

    source b
      callback                 https://hooks.example.com/hooks/b
      preset                   generic
      auth                     authorization: compared with the file secrets/b
      dedup                    off: every delivery is an event
      requests_per_second_max  no limit
      test_rows                true

    source lessonly
      callback                 https://hooks.example.com/hooks/lessonly
      preset                   lessonly
      auth                     authorization: compared with the environment variable LESSONLY_AUTHORIZATION
      dedup                    content: equal payloads are one event
      requests_per_second_max  1_000
      test_rows                true
      views                    best, completed (matrix), latest, matrix

    source orders
      callback                 https://hooks.example.com/hooks/orders
      preset                   generic
      auth                     none, as the configuration says
      dedup                    id: the value at /order/id in the payload
      requests_per_second_max  no limit
      test_rows                true
    ");
}

proptest::proptest! {
    /// Whatever the file holds, there are settings or an error that can be shown, and never a panic.
    #[test]
    fn any_file_is_answered(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = Case::new(bytes).load().map_err(|error| error.to_string());
    }

    #[test]
    fn any_text_much_like_toml_is_answered(
        text in r#"(\[|\]|\{|\}|=|"|'|#|,|\n|\t|ä|\\u00e4|auth|sources|\.|limits|scheme|depth_max|listen| |7|-){0,40}"#,
    ) {
        let _ = Case::new(text).load().map_err(|error| error.to_string());
    }
}
