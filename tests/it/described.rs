//! The description of the interface as a server gives it, and an answer held
//! against it. What it does not say is wrong, and so is what this cannot read.

use crate::server::{Answer, Server};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The document, as a server gives it.
pub struct Document(pub Value);

impl Document {
    pub fn of(server: &Server) -> Self {
        let answer = server.get("/openapi.json");
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self(answer.json())
    }

    pub fn paths(&self) -> &Map<String, Value> {
        self.0["paths"].as_object().expect("paths")
    }

    /// The methods of a path, in capitals.
    pub fn methods(&self, path: &str) -> BTreeSet<String> {
        const ALL: [&str; 8] = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ];
        let keys = self.0["paths"][path].as_object().expect("a path").keys();
        let methods = keys.filter(|key| ALL.contains(&key.as_str()));
        methods.map(|key| key.to_uppercase()).collect()
    }

    pub fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.0["paths"][path][method];
        assert!(operation.is_object(), "{method} {path} is not described");
        operation
    }

    pub fn parameters<'a>(&'a self, method: &str, path: &str) -> Vec<&'a Value> {
        let parameters = self.operation(method, path)["parameters"].as_array();
        parameters.map_or_else(Vec::new, |all| all.iter().collect())
    }

    /// What stands at `node`, or where it points to.
    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let Some(target) = node["$ref"].as_str() else {
            return node;
        };
        let pointer = target.strip_prefix('#').expect("a place in the document");
        let found = self.0.pointer(pointer);
        self.resolve(found.unwrap_or_else(|| panic!("nothing is at {target}")))
    }

    /// Holds an answer against what is described of its status.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let shown = || String::from_utf8_lossy(&answer.body).into_owned();
        let status = answer.status.to_string();
        let described = &self.operation(method, path)["responses"][&status];
        assert!(
            described.is_object(),
            "{method} {path}: {status} is not described: {}",
            shown()
        );
        let described = self.resolve(described);
        let is = |header: &str| answer.header(header).is_some();
        if answer.status >= 400 {
            let headers = described["headers"].as_object();
            for name in headers.into_iter().flat_map(Map::keys) {
                assert!(is(name), "{method} {path}: {status} lacks {name}");
            }
            for name in ["www-authenticate", "allow", "content-range", "retry-after"] {
                let told =
                    headers.is_some_and(|all| all.keys().any(|k| k.eq_ignore_ascii_case(name)));
                assert_eq!(is(name), told, "{method} {path}: {status} and {name}");
            }
        }
        let Some(content) = described["content"].as_object() else {
            assert!(answer.body.is_empty(), "{method} {path}: {}", shown());
            return;
        };
        let kind = answer.header("content-type").expect("a Content-Type");
        let kind = kind.split(';').next().expect("a media type");
        let described_kind = content.get(kind).unwrap_or_else(|| {
            panic!(
                "{method} {path}: {status} as {kind} is not described: {}",
                shown()
            )
        });
        if !kind.ends_with("json") {
            return;
        }
        let value = answer.json();
        if let Err(why) = self.validate(&described_kind["schema"], &value, "") {
            panic!("{method} {path}: {status}: {why}: {value}");
        }
        if kind == "application/problem+json" {
            let name = value["type"]
                .as_str()
                .and_then(|kind| kind.rsplit(':').next());
            let name = format!("`{}`", name.expect("a name"));
            let told = described["description"].as_str().expect("a text");
            assert!(
                told.contains(&name),
                "{method} {path}: {status} {name}: {told}"
            );
            assert_eq!(value["status"], answer.status, "{value}");
        }
    }

    /// Whether `value` is as `schema` says, and has nothing that it does not name. What this does not understand is wrong too.
    pub fn validate(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let wrong = |why: String| Err(format!("{at:?}: {why}"));
        let schema = self.resolve(schema);
        let Some(schema) = schema.as_object() else {
            return wrong("it has no schema".into());
        };
        for (keyword, says) in schema {
            let holds = match keyword.as_str() {
                "description" | "format" if value.is_null() => true,
                "description" => true,
                "format" => has_format(says.as_str().expect("a format"), value),
                "type" => match says {
                    Value::Array(all) => all.iter().any(|says| is_of_type(says, value)),
                    says => is_of_type(says, value),
                },
                "enum" => says.as_array().expect("values").contains(value),
                "pattern" => value
                    .as_str()
                    .is_none_or(|text| has_pattern(says.as_str().expect("a pattern"), text)),
                "minimum" => value
                    .as_i64()
                    .is_none_or(|number| Some(number) >= says.as_i64()),
                "items" => {
                    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.validate(says, item, &format!("{at}/{nth}"))?;
                    }
                    true
                }
                "oneOf" => {
                    let all = says.as_array().expect("schemas").iter();
                    let tried: Vec<_> = all.map(|one| self.validate(one, value, at)).collect();
                    if tried.iter().filter(|tried| tried.is_ok()).count() != 1 {
                        return wrong(format!("not one of them: {tried:?}"));
                    }
                    true
                }
                "required" => {
                    let object = value.as_object();
                    let mut names = says.as_array().expect("names").iter();
                    let has = |name: &Value| {
                        let name = name.as_str().expect("a name");
                        object.is_none_or(|object| object.contains_key(name))
                    };
                    if let Some(missing) = names.find(|name| !has(name)) {
                        return wrong(format!("{missing} is missing"));
                    }
                    true
                }
                "properties" => {
                    let known = says.as_object().expect("schemas");
                    for (name, value) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}/{name}");
                        let Some(schema) = known.get(name) else {
                            return Err(format!("{at:?}: the document does not name it"));
                        };
                        self.validate(schema, value, &at)?;
                    }
                    true
                }
                unknown => return wrong(format!("what does {unknown} mean?")),
            };
            if !holds {
                return wrong(format!("{value} is not {keyword} {says}"));
            }
        }
        // Of an object that names no property nothing may come.
        let names = ["properties", "oneOf"];
        let is_closed = names.iter().any(|name| schema.contains_key(*name)) || !value.is_object();
        if is_closed {
            Ok(())
        } else {
            wrong("what is in it is not described".into())
        }
    }
}

fn is_of_type(says: &Value, value: &Value) -> bool {
    match says.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("what is {other}?"),
    }
}

fn has_format(format: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match format {
        "date" => text.parse::<rowhook::event::Day>().is_ok(),
        "date-time" => {
            text.len() == 24 && has_format("date", &text[..10].into()) && text.ends_with('Z')
        }
        "int32" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "int64" => value.is_i64(),
        other => panic!("what is {other}?"),
    }
}

/// The patterns that there are, read by hand.
fn has_pattern(pattern: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match pattern {
        "^[a-z0-9][a-z0-9_-]{0,63}$" => rowhook::event::SourceName::new(text).is_ok(),
        "^[0-9a-f]{32}$" => rowhook::event::Id::from_hex(text.as_bytes()).is_some(),
        "^[1-9][0-9]*-[0-9]+$" => text
            .split_once('-')
            .is_some_and(|(part, at)| digits(part) && !part.starts_with('0') && digits(at)),
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}\\.[0-9]+$" => text
            .split_once('.')
            .is_some_and(|(day, at)| has_format("date", &day.into()) && digits(at)),
        "^urn:rowhook:problem:[a-z-]+$" => text
            .strip_prefix("urn:rowhook:problem:")
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')),
        other => panic!("what is {other}?"),
    }
}
