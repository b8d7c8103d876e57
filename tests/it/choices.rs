//! Rules for columns for the property tests: names that the payloads of
//! `payloads` have, so that the rules meet fields, and each other.

use crate::naive::Choice;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rowhook::event::Preset;
use rowhook::flatten::{Arrays, ColumnRules};

fn field() -> impl Strategy<Value = String> {
    let likely = select(vec![
        "a",
        "b",
        "a.b",
        "user",
        "score",
        "user.custom_fields.a",
        "user.custom_fields.b",
        "user.id",
    ]);
    let rare = select(vec![
        "user.custom_fields",
        "user.name",
        "lesson.title",
        "a.a",
        "b.a",
        "a.1",
        "a.1.b",
        "a.2",
        "custom_fields",
        "a (2)",
        "=x",
        ".",
        "a.",
        "b.1.a",
        "received_at",
        "event_id",
        "more",
        "é",
        "user.custom_fields.a.b",
        "lesson.a",
        "user.a",
    ]);
    prop_oneof![3 => likely, 1 => rare].prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    let patterns = select(vec![
        "*", "a*", "*a", "*.b", "user.*", "*.a.*", "*s*", "a.*.b", "**", "*.*", "lesson*",
    ]);
    prop_oneof![field(), patterns.prop_map(str::to_owned)]
}

fn new_name() -> impl Strategy<Value = String> {
    let names = select(vec![
        "A", "=A", "a (2)", "Learner", "A (2)", "x;=y", "user.b",
    ]);
    prop_oneof![2 => names.prop_map(str::to_owned), 1 => field()]
}

/// Any rules that a configuration may have.
pub fn choice(lessonly: bool) -> BoxedStrategy<ColumnRules> {
    let arrays = select(Arrays::ALL.to_vec());
    let arrays = prop_oneof![2 => Just(Arrays::Expand), 3 => arrays];
    let include = prop_oneof![2 => vec(pattern(), 0..1), 1 => vec(pattern(), 1..5)];
    let rules = (
        include,
        vec(pattern(), 0..2),
        vec((field(), new_name()), 0..3),
        vec((field(), field()), 0..3),
        vec((field(), arrays), 0..4),
    );
    let preset = if lessonly {
        Preset::Lessonly
    } else {
        Preset::Generic
    };
    rules
        .prop_map(move |(include, exclude, rename, alias, arrays)| {
            let mut rules = ColumnRules {
                leave_out_tests: false,
                include: include.into_iter().collect(),
                exclude: exclude.into_iter().collect(),
                rename: rename.into_iter().collect(),
                alias: alias.into_iter().collect(),
                arrays: arrays.into_iter().collect(),
            };
            // What a configuration may not say goes.
            while let Err(mistake) = rules.check(preset) {
                let gone = match mistake.list {
                    "rename" => rules.rename.remove(&mistake.entry).is_some(),
                    "alias" => rules.alias.remove(&mistake.entry).is_some(),
                    _ => rules.arrays.remove(&mistake.entry).is_some(),
                };
                assert!(gone, "{mistake:?} of {rules:?}");
            }
            rules
        })
        .boxed()
}

/// The same for the naive implementation.
pub fn naive(rules: &ColumnRules) -> Choice {
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        let pairs = pairs.iter();
        pairs.map(|(a, b)| (a.clone(), b.clone())).collect()
    };
    Choice {
        include: rules.include.iter().cloned().collect(),
        exclude: rules.exclude.iter().cloned().collect(),
        rename: pairs(&rules.rename),
        alias: pairs(&rules.alias),
        arrays: rules
            .arrays
            .iter()
            .map(|(field, what)| (field.clone(), what.as_str().to_owned()))
            .collect(),
    }
}
