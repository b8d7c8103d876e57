//! Events on their way in, by the path of a webhook: parsed, identified, handed
//! to the journal's writer.

use super::held::{Held, New};
use super::protocol::{Answer, Item, Refused, Terms};
use crate::config::{Identity, Source};
use crate::engine::{Engine, Live};
use crate::event::{Day, SourceName, Timestamp};
use crate::journal::refused::{Kept, RefusedBody};
use crate::journal::{Earlier, Event, Events, Incoming, Verdict};
use crate::receive::identity::{self, Same, identify};
use crate::receive::{Delivery, Parsed, Permit, Refusal, Reply, parse};
use base64::Engine as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// An event of a journal was taken once: it may be nested as deep as any limit ever allowed.
const DEPTH_MAX: usize = 1000;
/// It may also be as large, up to this.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// How long tables may take to get the rows before the command says that it is done.
const SETTLE_MAX: Duration = Duration::from_secs(3600);
/// How often a journal that cannot write is waited for, and for how long each time.
const TRIES: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// An import under way.
pub(super) struct Import<'e> {
    engine: &'e Engine,
    live: Arc<Live>,
    source: Source,
    /// What makes an event new.
    new: New,
    /// What the journal has of it.
    held: Held<'e>,
    /// The days that got rows.
    days: Option<(Day, Day)>,
}

/// What is to be stored of one item.
struct Ready {
    incoming: Incoming,
    permit: Permit,
}

/// Why an item gives nothing to store, and what is kept of it like a webhook's body.
struct Unfit {
    reason: String,
    kept: Option<Box<(RefusedBody, Permit)>>,
}

/// An item that was refused, and where it is heard whether it was kept.
type Waits = (usize, String, Option<oneshot::Receiver<Kept>>);

impl<'e> Import<'e> {
    /// An import into `source`.
    ///
    /// # Errors
    /// What is to be answered: why it cannot begin.
    pub fn begin(engine: &'e Engine, source: &SourceName, again: bool) -> Result<Self, Answer> {
        let live = engine.live();
        let Some(found) = live.settings.sources.get(source).cloned() else {
            let known: Vec<&str> = live
                .settings
                .sources
                .keys()
                .map(SourceName::as_str)
                .collect();
            return Err(Answer::Wrong(format!(
                "there is no source `{source}`; configured: {}",
                known.join(", ")
            )));
        };
        let new = match (again, &found.identity) {
            (true, _) => New::Always,
            (false, Identity::Off) => New::ByCount,
            (false, _) => New::ById,
        };
        let held = Held::of(engine, source, new)
            .map_err(|error| Answer::Failed(unreadable(&error)))?
            .ok_or_else(|| {
                Answer::Failed(format!("another import into `{source}` is still under way"))
            })?;
        Ok(Self {
            engine,
            live,
            source: found,
            new,
            held,
            days: None,
        })
    }

    /// What it takes.
    pub fn terms(&self) -> Terms {
        let body_bytes_max = self.live.settings.limits.body_bytes_max;
        Terms {
            body_bytes_max,
            record_bytes_max: body_bytes_max.max(RECORD_BYTES_MAX),
            alive_ms: None,
        }
    }

    /// Stores a chunk.
    ///
    /// # Errors
    /// Why it cannot go on, for a person. What was stored before is stored.
    pub fn take(&mut self, items: Vec<Item>) -> Result<Answer, String> {
        self.held.next_chunk().map_err(|error| unreadable(&error))?;
        let (mut duplicates, mut unfit, mut ready) = (0, Vec::new(), Vec::new());
        for (nth, item) in items.into_iter().enumerate() {
            match self.prepare(&item, &mut duplicates) {
                Ok(Some(next)) => ready.push(next),
                Ok(None) => {}
                Err(why) => unfit.push((nth, why)),
            }
        }
        let waits: Vec<Waits> = unfit
            .into_iter()
            .map(|(nth, why)| (nth, why.reason, why.kept.and_then(|body| self.keep(*body))))
            .collect();
        let stored = self.store(ready, &mut duplicates)?;
        let refused = waits.into_iter().map(|(nth, reason, answer)| Refused {
            nth,
            reason,
            kept: answer.is_some_and(|answer| answer.blocking_recv() == Ok(Kept::Kept)),
        });
        let refused = refused.collect();
        Ok(Answer::Taken {
            stored,
            duplicates,
            refused,
        })
    }

    /// What is to be stored of an item: nothing when all of it is there.
    fn prepare(&mut self, item: &Item, duplicates: &mut u64) -> Result<Option<Ready>, Unfit> {
        let told = |reason| Unfit { reason, kept: None };
        let body = base64::engine::general_purpose::STANDARD
            .decode(&item.body)
            .map_err(|error| told(error.to_string()))?;
        let too_large = self.terms().refuse(body.len(), item.record.is_some());
        if let Some(reason) = too_large {
            return Err(told(reason));
        }
        let limits = &self.live.settings.limits;
        let depth_max = match item.record {
            Some(_) => limits.depth_max.max(DEPTH_MAX),
            None => limits.depth_max,
        };
        // Nothing of the budget of requests: an import holds a chunk at a time, and waits for nobody.
        let permit = self.engine.waiting.permit();
        let form = item.content_type.as_deref().is_some_and(is_form);
        let parsed = match parse(body, form, depth_max) {
            Ok(parsed) => parsed,
            Err((why, body)) => {
                let reason = why.to_string();
                let body = RefusedBody {
                    id: identity::refused(&self.engine.id_key, &self.source.name, &body),
                    source: self.source.name.clone(),
                    status: if why.is_json() { 422 } else { 400 },
                    reason: reason.clone(),
                    content_type: item.content_type.clone(),
                    body,
                };
                let kept = Some(Box::new((body, permit)));
                return Err(Unfit { reason, kept });
            }
        };
        let mut events: Vec<Event> = self.events(&parsed, item).all().to_vec();
        let all = events.len();
        events.retain(|event| self.held.is_new(event.id));
        *duplicates += (all - events.len()) as u64;
        if events.is_empty() {
            return Ok(None);
        }
        let earlier = item.record.and_then(|record| self.earlier(record));
        Ok(Some(Ready {
            incoming: Incoming {
                source: self.source.name.clone(),
                once: self.new == New::ById,
                text: parsed.text,
                events: Events::Many(events),
                earlier,
            },
            permit,
        }))
    }

    /// The events with their ids. A record whose id came from a header, or was made with another key, keeps it where its
    /// content does not tell it apart.
    fn events(&self, parsed: &Parsed, item: &Item) -> Events {
        let same = match &self.source.identity {
            Identity::Pointer(pointer) => Same::Pointer(pointer),
            Identity::Content | Identity::Off | Identity::Header(_) => Same::Content,
        };
        let events = identify(&self.engine.id_key, &self.source.name, same, parsed);
        let from_header = matches!(self.source.identity, Identity::Header(_) | Identity::Off);
        match (item.record, events.all()) {
            (Some(record), [event]) if from_header || self.held.count_of(record.id) > 0 => {
                Events::One([Event {
                    id: record.id,
                    payload: event.payload.clone(),
                }])
            }
            _ => events,
        }
    }

    /// When a record was received, unless that is still to come: then it comes now.
    fn earlier(&self, record: super::protocol::Kept) -> Option<Earlier> {
        let zone = self.live.settings.timezone;
        let now = Timestamp::now();
        let at = record.received_at;
        // Whatever zone it was, the day is within one of the moment's.
        let near = |day: &Day| {
            let here = at.day(chrono_tz::UTC);
            (here.plus(-1)..=here.plus(1)).contains(day)
        };
        let day = record.day.filter(near).unwrap_or_else(|| at.day(zone));
        (at <= now).then(|| Earlier {
            at,
            day: day.min(now.day(zone)),
        })
    }

    /// Hands on a body that gives no events. Those of a chunk are handed on together, so that they share a sync.
    fn keep(&self, (body, permit): (RefusedBody, Permit)) -> Option<oneshot::Receiver<Kept>> {
        let (reply, answer) = oneshot::channel();
        let put = self.engine.refusals.put(Refusal {
            body,
            permit,
            reply,
        });
        put.is_ok().then_some(answer)
    }

    /// Hands all of `ready` to the journal's writer and waits until it is durable. A failing disk is waited for.
    fn store(&mut self, mut ready: Vec<Ready>, duplicates: &mut u64) -> Result<u64, String> {
        let mut stored = 0;
        for _ in 0..TRIES {
            let mut answers = Vec::with_capacity(ready.len());
            for one in ready {
                let (reply, verdict) = Reply::alone();
                let copy = one.incoming.clone();
                let delivery = Delivery {
                    incoming: one.incoming,
                    permit: one.permit,
                    reply,
                };
                if self.engine.deliveries.put(delivery).is_err() {
                    return Err(
                        "rowhook is stopping; the same command goes on where this one stopped"
                            .into(),
                    );
                }
                answers.push((verdict, copy));
            }
            ready = Vec::new();
            for (verdict, incoming) in answers {
                match verdict.blocking_recv() {
                    Ok(Verdict::Stored {
                        stored: now,
                        duplicates: known,
                    }) => {
                        stored += now as u64;
                        *duplicates += known as u64;
                        self.note(&incoming);
                    }
                    Ok(Verdict::Failed) | Err(_) => ready.push(Ready {
                        permit: self.engine.waiting.permit(),
                        incoming,
                    }),
                }
            }
            if ready.is_empty() {
                return Ok(stored);
            }
            std::thread::sleep(PAUSE);
        }
        Err("the journal cannot be written; make room or look at the log, then run the same command again".into())
    }

    fn note(&mut self, incoming: &Incoming) {
        let now = || Timestamp::now().day(self.live.settings.timezone);
        let day = incoming.earlier.map_or_else(now, |earlier| earlier.day);
        let (first, last) = self.days.unwrap_or((day, day));
        self.days = Some((first.min(day), last.max(day)));
    }

    /// Waits until the tables have all that was stored.
    pub fn settle(&self) {
        let Some((first, last)) = self.days else {
            return;
        };
        let until = Instant::now() + SETTLE_MAX;
        let name = self.source.name.clone();
        if let Ok(answer) = self.engine.tables.ask(name, first..=last, until) {
            let _ = answer.blocking_recv();
        }
    }
}

fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn unreadable(error: &io::Error) -> String {
    format!("the journal cannot be read: {error}")
}
