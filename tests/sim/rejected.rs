//! Bodies that were answered as kept are in the rejected files, whole and once.

use crate::world::{Held, World};
use serde_json::Value;
use std::collections::HashMap;

impl World {
    pub fn check_rejected(&self) -> Held {
        let mut found: HashMap<String, (usize, String)> = HashMap::new();
        for content in self.disk.files(&self.layout.rejected_dir()).into_values() {
            for line in content.split_inclusive(|&b| b == b'\n') {
                // What a crash left of one that was not answered.
                let Ok(json) = serde_json::from_slice::<Value>(line) else {
                    continue;
                };
                let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
                found.entry(text("id")).or_insert((0, text("body"))).0 += 1;
            }
        }
        for body in &self.model.bodies {
            let (count, text) = found.remove(&body.id.to_string()).unwrap_or_default();
            let most = if body.failed { 2 } else { 1 };
            if count > most || (body.kept && count == 0) {
                return Err(format!("a kept body is there {count} times: {}", body.id));
            }
            if count > 0 && text != body.text {
                return Err(format!("a kept body is not as it came: {text}"));
            }
        }
        match found.keys().next() {
            Some(id) => Err(format!("a body that nobody sent: {id}")),
            None => Ok(()),
        }
    }
}
