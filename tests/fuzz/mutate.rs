//! Inputs made from others: bits turned, pieces cut, moved, doubled, exchanged
//! with another input's, words put in.

use fastrand::Rng;

/// Inputs stay about as short as those of the corpus: short ones are fast, and say more when they fail.
const BYTES_MAX: usize = 4096;

/// The input of `rng`: one of the corpus, or a generated one, changed a few times or not at all.
pub fn input(
    rng: &mut Rng,
    corpus: &[&[u8]],
    words: &[Vec<u8>],
    generate: fn(&mut Rng) -> Vec<u8>,
) -> Vec<u8> {
    let mut input = if rng.u8(..3) == 0 {
        corpus[rng.usize(..corpus.len())].to_vec()
    } else {
        generate(rng)
    };
    let changes = [0, 1, 1, 2, 3, 6][rng.usize(..6)];
    for _ in 0..changes {
        let other = corpus[rng.usize(..corpus.len())];
        change(rng, &mut input, other, words);
    }
    input.truncate(BYTES_MAX);
    input
}

fn change(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>]) {
    let at = rng.usize(..=input.len());
    match rng.u8(..10) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 => input.truncate(at),
        3 => drop(input.drain(at..piece_end(rng, at, input.len()))),
        4 => {
            let doubled = input[at..piece_end(rng, at, input.len())].to_vec();
            let to = rng.usize(..=input.len());
            input.splice(to..to, doubled);
        }
        5 => {
            let from = rng.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let from = rng.usize(..=other.len());
            let piece = other[from..piece_end(rng, from, other.len())].to_vec();
            input.splice(at..at, piece);
        }
        _ if !words.is_empty() => {
            let word = words[rng.usize(..words.len())].clone();
            let until = if rng.bool() {
                at
            } else {
                piece_end(rng, at, input.len()).min(at + word.len())
            };
            input.splice(at..until, word);
        }
        _ => input.insert(at, rng.u8(..)),
    }
}

fn piece_end(rng: &mut Rng, at: usize, length: usize) -> usize {
    length.min(at + 1 + rng.usize(..32))
}
