//! Scores of learners in lessons at random, and the matrix of them made with everything in memory.
//!
//! Any number gives the same event each time, so that nothing of them need be kept.

use std::collections::HashMap;
use std::io::Write as _;

/// The columns that the view `matrix` shows of a learner.
pub const SHOWN: [&str; 3] = ["user.name", "user.email", "user.id"];
/// The lessons that a sheet has room for beside what is shown and the column `others`.
const LESSONS_MAX: usize = 16_384 - SHOWN.len() - 1;

/// A cell that is not empty, and its column.
pub type Filled = (usize, String);

/// So many scores.
#[derive(Clone, Copy)]
pub struct Scores {
    pub count: u64,
    /// How many learners there are; 0: each event is of a learner of its own.
    pub learners: u64,
    pub lessons: u64,
}

/// What an event says.
pub struct Score {
    pub learner: u64,
    pub lesson: u64,
    pub percent: u64,
}

impl Scores {
    /// The event with this number.
    pub fn score(&self, number: u64) -> Score {
        // SplitMix64: any number gives bits that look like chance.
        let mut bits = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        Score {
            learner: match self.learners {
                0 => number,
                learners => bits % learners,
            },
            lesson: (bits >> 24) % self.lessons,
            percent: (bits >> 48) % 101,
        }
    }

    /// Appends the event with this number as Lessonly would send it.
    ///
    /// # Errors
    ///
    /// None: memory takes it.
    pub fn body(&self, number: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        let Score {
            learner,
            lesson,
            percent,
        } = self.score(number);
        write!(
            body,
            r#"{{"user":{{"id":"{learner}","name":"Learner {learner}","email":"learner{learner}@example.com"}},"#
        )?;
        write!(
            body,
            r#""lesson":{{"id":"{lesson}","title":"Lesson number {lesson}"}},"score_percent":{percent},"#
        )?;
        write!(
            body,
            r#""report_card_url":"https://example.com/r/{number}"}}"#
        )
    }

    /// The matrix of all scores, made as simply as can be: its header, then `row` is called with each row's filled cells by
    /// their columns.
    pub fn matrix(&self, row: &mut dyn FnMut(&[Filled])) {
        let (mut learners, mut lessons) = (Vec::new(), Vec::new());
        let mut lesson_of: HashMap<u64, usize> = HashMap::new();
        let mut learner_of: HashMap<u64, usize> = HashMap::new();
        let mut others: Vec<u64> = Vec::new();
        let mut cells: HashMap<(usize, usize), u64> = HashMap::new();
        for number in 0..self.count {
            let score = self.score(number);
            let learner = *learner_of.entry(score.learner).or_insert_with(|| {
                learners.push(score.learner);
                others.push(0);
                learners.len() - 1
            });
            let lesson = *lesson_of.entry(score.lesson).or_insert_with(|| {
                lessons.push(score.lesson);
                lessons.len() - 1
            });
            if lesson < LESSONS_MAX {
                cells.insert((learner, lesson), score.percent);
            } else {
                others[learner] += 1;
            }
        }
        let mut names: Vec<String> = SHOWN.map(String::from).into();
        let titles = lessons.iter().take(LESSONS_MAX);
        names.extend(titles.map(|lesson| format!("Lesson number {lesson}")));
        if lessons.len() > LESSONS_MAX {
            names.push("others".into());
        }
        let last = names.len() - 1;
        let header: Vec<Filled> = names.into_iter().enumerate().collect();
        row(&header);
        for (nth, learner) in learners.iter().enumerate() {
            let mut filled = vec![
                (0, format!("Learner {learner}")),
                (1, format!("learner{learner}@example.com")),
                (2, learner.to_string()),
            ];
            let columns = 0..lessons.len().min(LESSONS_MAX);
            let scores = columns.filter_map(|lesson| Some((lesson, cells.get(&(nth, lesson))?)));
            filled.extend(
                scores.map(|(lesson, percent)| (SHOWN.len() + lesson, percent.to_string())),
            );
            if others[nth] > 0 {
                filled.push((last, others[nth].to_string()));
            }
            row(&filled);
        }
    }
}
