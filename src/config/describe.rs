//! Settings as text for a person: what `rowhook check` prints. Promises every
//! effective setting, where each secret comes from, and no secret.

use std::fmt::Display;

use super::error::escaped;
use super::value::{grouped, is_local};
use super::{Auth, Identity, Settings, Source};
use crate::event::Preset;
use crate::flatten::ColumnRules;

impl Settings {
    /// Every setting that is in force, a line each, in aligned plain text that ends with a line end.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut sheet = Sheet::default();
        self.describe_general(&mut sheet);
        self.describe_numbers(&mut sheet);
        for source in self.sources.values() {
            self.describe_source(&mut sheet, source);
        }
        sheet.lines.join("\n") + "\n"
    }

    fn describe_general(&self, sheet: &mut Sheet) {
        let output = self.output.display();
        let file = self.file.as_ref().map(|path| path.display().to_string());
        let reach = if is_local(self.listen) {
            "this machine alone"
        } else {
            "other machines can reach it"
        };
        let token = match &self.read_token {
            Some(token) => format!("from {}", token.origin()),
            None => format!("made at the first start, kept in {output}/state/token"),
        };
        sheet.line("configuration", file.as_deref().unwrap_or("none"));
        sheet.line("listen", format_args!("{} ({reach})", self.listen));
        sheet.line(
            "public_url",
            self.public_url.as_deref().unwrap_or("not set"),
        );
        match &self.tls {
            None => sheet.line("tls", "off"),
            Some(tls) => {
                let until = tls.until().unwrap_or_else(|| "unknown".into());
                let files = (tls.cert_file.display(), tls.key_file.display());
                sheet.line(
                    "tls",
                    format_args!("{} with the key in {}", files.0, files.1),
                );
                sheet.line("  valid until", until);
            }
        }
        let proxies: Vec<String> = self
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        let proxies = if proxies.is_empty() {
            "none".into()
        } else {
            proxies.join(", ")
        };
        sheet.line("trusted_proxies", proxies);
        sheet.line("timezone", self.timezone.name());
        sheet.line("read token", token);
        sheet.line("output", &output);
        sheet.line("  tables", format_args!("{output}/csv/SOURCE/DAY.csv"));
        sheet.line("  journal", format_args!("{output}/journal/DAY.jsonl"));
        sheet.line("  rejected", format_args!("{output}/rejected/DAY.jsonl"));
        sheet.line("  state", format_args!("{output}/state"));
    }

    fn describe_numbers(&self, sheet: &mut Sheet) {
        let limits = &self.limits;
        let number = |number: usize| grouped(number as u64);
        sheet.title("limits");
        sheet.line("  body_bytes_max", number(limits.body_bytes_max));
        sheet.line("  body_seconds_max", limits.body_time_max.as_secs());
        sheet.line("  head_seconds_max", limits.head_time_max.as_secs());
        sheet.line("  depth_max", number(limits.depth_max));
        sheet.line("  columns_max", number(limits.columns_max));
        sheet.line("  connections_max", number(limits.connections_max));
        sheet.line("  waiting_bytes_max", number(limits.waiting_bytes_max));
        sheet.line("  rejected_bytes_max", grouped(limits.rejected_bytes_max));
        sheet.title("dedup");
        sheet.line("  days", self.dedup.days);
        sheet.line("  ids_max", number(self.dedup.ids_max));
        sheet.title("csv");
        sheet.line("  formula_guard", self.csv.formula_guard);
        sheet.line("  bom", self.csv.bom);
    }

    fn describe_source(&self, sheet: &mut Sheet, source: &Source) {
        let base = self.public_url.as_deref().unwrap_or_default();
        let auth = match &source.auth {
            Auth::Authorization(secrets) => {
                let origins: Vec<String> = secrets.iter().map(|s| s.origin().to_string()).collect();
                format!("authorization: compared with {}", origins.join(" or "))
            }
            Auth::None { written: true } => "none, as the configuration says".into(),
            Auth::None { written: false } => match source.preset {
                Preset::Lessonly => "none, because LESSONLY_AUTHORIZATION is not set".into(),
                Preset::Generic => "none, because the configuration names none".into(),
            },
        };
        let dedup = match &source.identity {
            Identity::Content => "content: equal payloads are one event".to_owned(),
            Identity::Off => "off: every delivery is an event".to_owned(),
            Identity::Pointer(pointer) => format!("id: the value at {pointer} in the payload"),
            Identity::Header(name) => format!("id: the value of the header {name}"),
        };
        let rate = source.requests_per_second_max;
        let rate = rate.map_or("no limit".into(), |rate| grouped(rate.get().into()));
        sheet.title(&format!("source {}", source.name));
        sheet.line("  callback", format_args!("{base}/hooks/{}", source.name));
        sheet.line("  preset", source.preset.as_str());
        sheet.line("  auth", auth);
        sheet.line("  dedup", dedup);
        sheet.line("  requests_per_second_max", rate);
        let leave_out_tests = source.columns.as_ref().is_some_and(|c| c.leave_out_tests);
        sheet.line("  test_rows", !leave_out_tests);
        if let Some(columns) = &source.columns {
            describe_columns(sheet, columns);
        }
        let views = source.views.iter();
        let views: Vec<String> = views
            .map(|(name, view)| match view.kind() {
                kind if kind == name => name.clone(),
                kind => format!("{name} ({kind})"),
            })
            .collect();
        if !views.is_empty() {
            sheet.line("  views", views.join(", "));
        }
    }
}

/// Every rule on a line of its own: patterns and names may have commas in them.
fn describe_columns(sheet: &mut Sheet, columns: &ColumnRules) {
    for pattern in &columns.include {
        sheet.line("  columns.include", pattern);
    }
    for pattern in &columns.exclude {
        sheet.line("  columns.exclude", pattern);
    }
    for (field, name) in &columns.rename {
        sheet.line("  columns.rename", format_args!("{field} is called {name}"));
    }
    for (first, second) in &columns.alias {
        sheet.line(
            "  columns.alias",
            format_args!("{first} goes into {second}"),
        );
    }
    for (field, arrays) in &columns.arrays {
        sheet.line(
            "  columns.arrays",
            format_args!("{field}: {}", arrays.as_str()),
        );
    }
}

#[derive(Default)]
struct Sheet {
    lines: Vec<String>,
}

impl Sheet {
    /// Begins a part of its own.
    fn title(&mut self, title: &str) {
        self.lines.extend([String::new(), title.to_owned()]);
    }

    /// One setting and its value.
    fn line(&mut self, name: &str, value: impl Display) {
        let value = escaped(&value.to_string());
        self.lines.push(format!("{name:<26} {value}"));
    }
}
