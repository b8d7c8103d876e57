//! What the thread that writes the journal is asked without storing anything:
//! which ids it would take for duplicates. Nobody else knows all of them.

use super::handover::Delivery;
use super::queue::Queue;
use super::reply::Reply;
use super::waiting::Permit;
use crate::event::{Id, SourceName};
use crate::journal::{Events, Incoming};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Which of some ids are known.
pub struct Question {
    ids: Vec<Id>,
    reply: oneshot::Sender<Vec<bool>>,
}

impl Question {
    /// Answers it. Whoever asked may have gone.
    pub fn answer(self, known: impl Fn(Id) -> bool) {
        let answer = self.ids.into_iter().map(known).collect();
        let _ = self.reply.send(answer);
    }
}

/// Questions that wait. Looking costs no lock while there is none.
#[derive(Default)]
pub struct Questions {
    any: AtomicBool,
    all: Mutex<Vec<Question>>,
}

impl Questions {
    /// Asks which of `ids` are known, by way of `deliveries`: a delivery of nothing wakes whoever takes them, who looks here
    /// first. Nothing when nobody takes anything any more.
    pub fn ask(
        &self,
        ids: Vec<Id>,
        source: SourceName,
        deliveries: &Queue<Delivery>,
        permit: Permit,
    ) -> Option<oneshot::Receiver<Vec<bool>>> {
        let (reply, answer) = oneshot::channel();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Question { ids, reply });
        drop(all);
        self.any.store(true, Ordering::Release);
        let incoming = Incoming {
            source,
            once: true,
            text: Vec::new(),
            events: Events::Many(Vec::new()),
            earlier: None,
        };
        let nothing = Delivery {
            incoming,
            permit,
            reply: Reply::alone().0,
        };
        deliveries.put(nothing).is_ok().then_some(answer)
    }

    /// Takes all that there are.
    pub fn take(&self) -> Vec<Question> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::super::waiting::Waiting;
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_is_answered_once_and_wakes_whoever_takes() {
        let (questions, deliveries) = (Questions::default(), Queue::default());
        let id = |byte| Id([byte; 16]);
        let source = SourceName::new("a").unwrap();
        let ask = |ids| {
            let permit = Waiting::new(1).permit();
            questions.ask(ids, source.clone(), &deliveries, permit)
        };
        let mut answers = [vec![id(1), id(2)], vec![id(2)]].map(|ids| ask(ids).unwrap());
        let mut batch = Vec::new();
        assert!(deliveries.take(&mut batch, Duration::ZERO));
        assert!(
            batch
                .iter()
                .all(|delivery| delivery.incoming.events.all().is_empty())
        );
        for question in questions.take() {
            question.answer(|one| one == id(1));
        }
        assert!(questions.take().is_empty());
        assert_eq!(answers[0].try_recv().unwrap(), [true, false]);
        assert_eq!(answers[1].try_recv().unwrap(), [false]);
        deliveries.close();
        assert!(ask(Vec::new()).is_none());
    }
}
