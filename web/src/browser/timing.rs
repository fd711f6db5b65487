//! The page's own stopwatch: entries in the browser's performance timeline, by name.

/// Does `work` and records how long it took as a measure called `name`.
pub(crate) fn measured<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let Some(clock) = web_sys::window().and_then(|window| window.performance()) else {
        return work();
    };
    let start = format!("{name}-start");
    // Without a timeline the work is done all the same.
    let marked = clock.mark(&start).is_ok();
    let done = work();
    if marked {
        let _ = clock.measure_with_start_mark(name, &start);
        clock.clear_marks_with_mark_name(&start);
    }
    done
}
