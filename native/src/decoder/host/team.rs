//! Threads that share the rows of one product after another, and stay awake in between.
//!
//! A token is some two hundred products of a few dozen microseconds each. rayon sends a thread to sleep between them,
//! and waking it takes as long as a product.

use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// Looks at the board before a helper lets others have its processor: longer than what lies between two products.
const LOOKS: u32 = 4_000;
/// Times it lets them before it sleeps.
const YIELDS: u32 = 64;

/// What `work` gives for each of `parts`, in order. Parts are taken one by one by whoever is free.
pub(in crate::decoder) fn share<T: Send + 'static>(
    parts: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    static TEAM: OnceLock<Arc<Team>> = OnceLock::new();
    if parts < 2 || rayon::current_num_threads() < 2 {
        return (0..parts).map(work).collect();
    }
    TEAM.get_or_init(|| Team::new(rayon::current_num_threads() - 1)).share(parts, work)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wait a little: at first awake, then by letting others run.
fn pause(looks: &mut u32) {
    *looks += 1;
    if *looks < LOOKS { hint::spin_loop() } else { thread::yield_now() }
}

/// Work whose parts are claimed one by one.
trait Job: Send + Sync {
    /// Claim and do parts until none is left.
    fn help(&self);
}

struct Parts<T, W> {
    work: W,
    count: usize,
    /// The first that nobody has claimed.
    next: AtomicUsize,
    /// Those that have been claimed and are done, or have failed.
    ended: AtomicUsize,
    done: Mutex<Vec<(usize, T)>>,
}

impl<T: Send, W: Fn(usize) -> T + Send + Sync> Job for Parts<T, W> {
    fn help(&self) {
        let (mut own, mut claimed) = (Vec::new(), 0);
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.count {
                break;
            }
            claimed += 1;
            // A part that panics is done again by whoever asked for it.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(|| (self.work)(part))) {
                own.push((part, value));
            }
        }
        if claimed > 0 {
            locked(&self.done).append(&mut own);
            self.ended.fetch_add(claimed, Ordering::Release);
        }
    }
}

/// Where helpers look for work.
struct Team {
    /// Jobs posted so far.
    posts: AtomicUsize,
    board: Mutex<Board>,
    wake: Condvar,
}

#[derive(Default)]
struct Board {
    job: Option<Arc<dyn Job>>,
    asleep: usize,
}

impl Team {
    fn new(helpers: usize) -> Arc<Self> {
        let team =
            Arc::new(Self { posts: AtomicUsize::new(0), board: Mutex::default(), wake: Condvar::new() });
        for _ in 0..helpers {
            let team = team.clone();
            // Without helpers everything is done by those who ask.
            let _ = thread::Builder::new().name("products".to_owned()).spawn(move || team.serve());
        }
        team
    }

    fn serve(&self) {
        let mut seen = 0;
        loop {
            let mut looks = 0;
            while self.posts.load(Ordering::Acquire) == seen && looks < LOOKS + YIELDS {
                pause(&mut looks);
            }
            let mut board = locked(&self.board);
            while self.posts.load(Ordering::Acquire) == seen {
                board.asleep += 1;
                board = self.wake.wait(board).unwrap_or_else(PoisonError::into_inner);
                board.asleep -= 1;
            }
            seen = self.posts.load(Ordering::Acquire);
            let job = board.job.clone();
            drop(board);
            if let Some(job) = job {
                job.help();
            }
        }
    }

    fn post(&self, job: Arc<dyn Job>) {
        let mut board = locked(&self.board);
        board.job = Some(job);
        self.posts.fetch_add(1, Ordering::Release);
        if board.asleep > 0 {
            self.wake.notify_all();
        }
    }

    fn share<T: Send + 'static>(
        &self,
        count: usize,
        work: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Vec<T> {
        let parts = Arc::new(Parts {
            work,
            count,
            next: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            done: Mutex::new(Vec::with_capacity(count)),
        });
        self.post(parts.clone());
        parts.help();
        let mut looks = 0;
        while parts.ended.load(Ordering::Acquire) < count {
            pause(&mut looks);
        }
        // What the work holds is not kept until the next one.
        locked(&self.board).job.take_if(|job| std::ptr::addr_eq(Arc::as_ptr(job), Arc::as_ptr(&parts)));
        let mut done = std::mem::take(&mut *locked(&parts.done));
        done.sort_unstable_by_key(|(part, _)| *part);
        let mut done = done.into_iter().peekable();
        (0..count)
            .map(|part| match done.next_if(|(found, _)| *found == part) {
                Some((_, value)) => value,
                None => (parts.work)(part),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_in_order_whoever_does_them() {
        let team = Team::new(3);
        for round in 0..200 {
            let shared = team.share(round % 17, move |part| part * round);
            assert_eq!(shared, (0..round % 17).map(|part| part * round).collect::<Vec<_>>());
        }
        // Long enough for all to fall asleep.
        thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(team.share(5, |part| part), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn several_may_ask_at_once() {
        let team = Team::new(2);
        thread::scope(|scope| {
            for own in 0..4 {
                let team = &team;
                scope.spawn(move || {
                    for _ in 0..100 {
                        assert_eq!(team.share(9, move |part| part + own)[8], 8 + own);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_whoever_asked_and_nobody_else() {
        let team = Team::new(2);
        let failed = catch_unwind(AssertUnwindSafe(|| {
            team.share(8, |part| assert_ne!(part, 5));
        }));
        assert!(failed.is_err());
        assert_eq!(team.share(3, |part| part), [0, 1, 2]);
    }

    #[test]
    fn without_helpers_all_is_done() {
        assert_eq!(Team::new(0).share(4, |part| part), [0, 1, 2, 3]);
        assert_eq!(share(0, |part| part), [0_usize; 0]);
    }
}
