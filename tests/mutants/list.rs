//! The mistakes, and where they are put.

/// One mistake: what it breaks, and the text that it puts in the place of another one.
pub struct Mutant {
    pub name: &'static str,
    pub breaks: &'static str,
    pub file: &'static str,
    pub find: &'static str,
    pub replace: &'static str,
}

pub const MUTANTS: [Mutant; 21] = [
    Mutant {
        name: "segment-name",
        breaks: "a new segment's name is durable before records follow",
        file: "src/journal/making.rs",
        find: "        self.disk.rename(unmade, path)?;\n        self.disk.sync_dir(&self.layout.journal_dir())?;\n",
        replace: "        self.disk.rename(unmade, path)?;\n",
    },
    Mutant {
        name: "first-line-unsynced",
        breaks: "a new segment's first line is durable before it has its name",
        file: "src/journal/making.rs",
        find: "        file.sync()?;\n        Ok(file)\n",
        replace: "        Ok(file)\n",
    },
    Mutant {
        name: "no-batch-sync",
        breaks: "a batch is synced before it is answered",
        file: "src/journal/writer.rs",
        find: "        segment.file.sync()?;\n",
        replace: "",
    },
    Mutant {
        name: "sync-again",
        breaks: "no retry on a descriptor that failed",
        file: "src/journal/writer.rs",
        find: "        segment.file.sync()?;\n",
        replace: "        segment.file.sync().or_else(|_| segment.file.sync())?;\n",
    },
    Mutant {
        name: "id-too-early",
        breaks: "an id counts after its sync",
        file: "src/journal/writer.rs",
        find: "        let Tail::Open(segment) = &mut self.tail else {\n",
        replace: "        for (.., event) in fresh {\n            self.remember(event.id);\n        }\n        \
                  let Tail::Open(segment) = &mut self.tail else {\n",
    },
    Mutant {
        name: "damage-is-the-end",
        breaks: "damage before the last batch stops the start",
        file: "src/journal/scan.rs",
        find: "            if records.any(|record| record.batch != batch) {",
        replace: "            if records.any(|record| record.batch != batch) && fault_at == 0 {",
    },
    Mutant {
        name: "tables-not-asked",
        breaks: "a journal that ends before what a table knows stops the start",
        file: "src/follow/known.rs",
        find: "            known.push(Known { seq, path });\n",
        replace: "            let _ = Known { seq, path };\n",
    },
    Mutant {
        name: "half-a-batch",
        breaks: "of a batch all is kept or nothing",
        file: "src/journal/scan.rs",
        find: "            if record.left == 0 {",
        replace: "            if record.left < u64::MAX {",
    },
    Mutant {
        name: "last-batch-not-written",
        breaks: "a start writes the last batch again",
        file: "src/journal/recovery.rs",
        find: "        file.write_at(&piece, from).map_err(&in_file)?;\n",
        replace: "",
    },
    Mutant {
        name: "last-batch-not-synced",
        breaks: "a start syncs the last batch",
        file: "src/journal/recovery.rs",
        find: "    file.sync().map_err(&in_file)\n",
        replace: "    Ok(())\n",
    },
    Mutant {
        name: "good-length-ignored",
        breaks: "a segment is good as far as the next one says",
        file: "src/journal/chain.rs",
        find: "                before.bytes = good;\n",
        replace: "",
    },
    Mutant {
        name: "ids-unsynced",
        breaks: "ids are durable before a checkpoint vouches for them",
        file: "src/journal/ids.rs",
        find: "        if let Some(file) = &self.file {\n            file.sync()?;\n        }\n        self.broken = false;",
        replace: "        self.broken = false;",
    },
    Mutant {
        name: "body-unsynced",
        breaks: "a refused body is durable before it is answered as kept",
        file: "src/journal/refused.rs",
        find: "        file.sync()?;\n        *bytes = end;",
        replace: "        *bytes = end;",
    },
    Mutant {
        name: "replace-unsynced",
        breaks: "a file that replaces another is durable before it has its name",
        file: "src/disk/mod.rs",
        find: "        file.sync()?;\n        drop(file);",
        replace: "        drop(file);",
    },
    Mutant {
        name: "checkpoint-before-csv",
        breaks: "a table's file is durable before its checkpoint vouches for it",
        file: "src/table/day.rs",
        find: "        self.part.sync()?;\n        self.disk.sync_dir(parent(&self.part.path))?;\n        let mut state",
        replace: "        self.disk.sync_dir(parent(&self.part.path))?;\n        let mut state",
    },
    Mutant {
        name: "wider-unsynced",
        breaks: "a wider file is durable before it takes the place of the other",
        file: "src/table/files.rs",
        find: "        wide.file.sync()?;\n        wide.left",
        replace: "        wide.left",
    },
    Mutant {
        name: "one-version",
        breaks: "the checkpoint of a widening knows both files",
        file: "src/table/widen.rs",
        find: "self.state(Some(wide.state()))",
        replace: "self.state(None)",
    },
    Mutant {
        name: "csv-sync-again",
        breaks: "a table that could not be synced is made anew",
        file: "src/table/files.rs",
        find: "self.file.sync().map_err(TableError::Unsynced)",
        replace: "self.file.sync().or_else(|_| self.file.sync()).map_err(TableError::Unsynced)",
    },
    Mutant {
        name: "written-over",
        breaks: "a file that somebody changed is not appended to",
        file: "src/table/files.rs",
        find: "        self.check(disk)?;\n",
        replace: "        let _ = disk;\n",
    },
    Mutant {
        name: "position-too-early",
        breaks: "the position of all tables is saved behind their checkpoints",
        file: "src/follow/saved.rs",
        find: "        if at == self.saved || !self.tables.values().all(whole) {",
        replace: "        let _ = whole;\n        if at == self.saved {",
    },
    Mutant {
        name: "not-set-aside",
        breaks: "a version of somebody else is kept",
        file: "src/table/replace.rs",
        find: "        if there.stat()?.bytes == 0 || (",
        replace: "        if number > 0 || there.stat()?.bytes == 0 || (",
    },
];

pub fn source(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Or the list would name what is not there any more, and nobody would know.
#[test]
fn every_mutant_has_its_place() {
    for Mutant {
        name,
        breaks,
        file,
        find,
        replace,
    } in &MUTANTS
    {
        let count = source(file).matches(find).count();
        assert_eq!(count, 1, "{name}: {file} has {find:?} {count} times");
        assert_ne!(find, replace, "{name}");
        assert!(!breaks.is_empty());
    }
}
