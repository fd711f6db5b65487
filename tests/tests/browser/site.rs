//! The site's pages in a real browser: search, tables, words, and how they fit a screen.

use anyhow::{Result, ensure};
use dhurandhar_tests::browser::{accessible, ask, no_problems, stage, until};
use serde_json::json;
use thirtyfour::prelude::{By, Key, WebDriver};

const WIDE: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 780);

/// The entries of the open list, as text.
const FOUND: &str =
    "[...document.querySelectorAll('.found:not([hidden]) [role=option]')].map(option => option.innerText)";

/// Types into a search field and waits for the first entry of its list.
async fn type_for(driver: &WebDriver, field: &str, text: &str, first: &str) -> Result<()> {
    driver.find(By::Id(field)).await?.send_keys(text).await?;
    until(driver, &format!("return !!{FOUND}[0]?.startsWith({})", json!(first))).await
}

#[tokio::test]
async fn a_pair_is_found_from_every_page_and_answered_in_the_list() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            for page in ["", "docs/words/", "devices/galaxy-a16-6gb/"] {
                driver.goto(format!("{}{page}", stage.address)).await?;
                type_for(&driver, "search-field", "llama 3.2 3b on pixel 9a", "Llama 3.2 3B on Pixel 9a")
                    .await?;
                let first = ask(&driver, &format!("return {FOUND}[0]")).await?;
                ensure!(first.as_str().is_some_and(|text| text.contains("Yes")), "{first}");
                accessible(&driver, &format!("{page} with results")).await?;
                no_problems(&driver).await?;
            }
            driver.find(By::Id("search-field")).await?.send_keys(Key::Enter + "").await?;
            until(&driver, "return location.search === '?v=1&model=llama-3.2-3b&dev=pixel-9a'").await?;
            until(&driver, "return !!document.querySelector('.calc-answer')?.innerText.includes('Pixel 9a')")
                .await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn the_list_follows_the_keyboard_and_says_what_it_holds() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            driver.goto(format!("{}docs/", stage.address)).await?;
            type_for(&driver, "search-field", "kv cache", "KV cache").await?;
            until(
                &driver,
                "return document.querySelector('.search [role=status]').textContent.endsWith(' results')",
            )
            .await?;
            let chosen = "const field = document.getElementById('search-field');
                const option = document.getElementById(field.getAttribute('aria-activedescendant'));
                const all = [...option.parentElement.children];
                return [all.indexOf(option), all.filter(one => one.getAttribute('aria-selected') === 'true').length, field.getAttribute('aria-expanded')]";
            let field = driver.find(By::Id("search-field")).await?;
            assert_eq!(ask(&driver, chosen).await?, json!([0, 1, "true"]));
            field.send_keys(Key::Down + "").await?;
            assert_eq!(ask(&driver, chosen).await?, json!([1, 1, "true"]));
            field.send_keys(Key::Up + "").await?;
            assert_eq!(ask(&driver, chosen).await?, json!([0, 1, "true"]));
            field.send_keys(Key::Escape + "").await?;
            let closed = "const field = document.getElementById('search-field');
                return field.getAttribute('aria-expanded') === 'false' && !field.hasAttribute('aria-activedescendant')
                    && document.querySelector('.search .found').hidden";
            until(&driver, &format!("return (() => {{ {closed} }})()")).await?;
            field.send_keys(Key::Down + "").await?;
            until(&driver, &format!("return {FOUND}.length > 1")).await?;
            field.send_keys(Key::Enter + "").await?;
            until(
                &driver,
                "return location.pathname.endsWith('/docs/words/') && location.hash === '#kv-cache'",
            )
            .await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn newcomers_words_typos_and_nonsense_have_an_answer_too() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            for (text, first) in [
                ("can my 6 GB Android phone run Llama 3.2 3B", "Llama 3.2 3B on "),
                ("llama 3.2 3", "Llama 3.2 3B"),
                ("gemma3 1b", "Gemma 3 1B"),
                ("rasberry pi", "Raspberry Pi"),
                ("perplexity", "Perplexity"),
            ] {
                driver.goto(&stage.address).await?;
                type_for(&driver, "find-field", text, first).await?;
            }
            driver.goto(&stage.address).await?;
            driver.find(By::Id("find-field")).await?.send_keys("qqqq").await?;
            until(&driver, "return document.querySelector('.finder [role=status]').textContent.startsWith('Nothing by that name')").await?;
            no_problems(&driver).await
        }
    };
    stage.play(PHONE.0, PHONE.1, play).await
}

#[tokio::test]
async fn the_search_page_lists_results_and_without_a_query_everything() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            driver.goto(format!("{}search/", stage.address)).await?;
            until(&driver, "return document.querySelectorAll('#everything a').length > 250").await?;
            accessible(&driver, "search page").await?;
            // As a form without a script sends it.
            driver.goto(format!("{}search/?q=pixel+9a", stage.address)).await?;
            until(&driver, "return document.querySelector('#results a')?.innerText.startsWith('Pixel 9a')")
                .await?;
            ensure!(
                ask(&driver, "return document.getElementById('everything').hidden").await? == json!(true)
            );
            accessible(&driver, "search page with results").await?;
            no_problems(&driver).await
        }
    };
    stage.play(PHONE.0, PHONE.1, play).await
}

#[tokio::test]
async fn tables_are_sorted_and_filtered() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            driver.goto(format!("{}devices/galaxy-a16-6gb/", stage.address)).await?;
            let rows = "[...document.querySelectorAll('.verdicts tbody tr:not([hidden])')]";
            until(&driver, "return document.querySelectorAll('.verdicts .sort').length === 8").await?;
            let needs = "[...document.querySelectorAll('.verdicts .sort')].find(button => button.textContent === 'Needs GiB')";
            for (sort, sign) in [("descending", 1), ("ascending", -1)] {
                ask(&driver, &format!("{needs}.click(); return true")).await?;
                let ordered = format!(
                    "const all = {rows}.map(row => parseFloat(row.cells[2].textContent.replace(',', '')));
                     return all.length > 100 && all.every((value, at) => at === 0 || {sign} * (all[at - 1] - value) >= 0)
                        && {needs}.closest('th').ariaSort === '{sort}'"
                );
                ensure!(ask(&driver, &ordered).await? == json!(true), "{sort}");
            }
            driver.find(By::Css(".filter input")).await?.send_keys("qwen3 yes").await?;
            let left = format!(
                "const all = {rows}; return all.length > 0 && all.length < 20 && all.every(row => /qwen3/i.test(row.textContent))
                    && document.querySelector('.filter [role=status]').textContent.startsWith(all.length + ' of ')"
            );
            until(&driver, &left).await?;
            accessible(&driver, "a sorted and filtered table").await?;
            no_problems(&driver).await
        }
    };
    stage.play(WIDE.0, WIDE.1, play).await
}

#[tokio::test]
async fn the_context_is_switched_and_heads_stay_in_sight() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            driver.goto(&stage.address).await?;
            let usual = ask(&driver, "return document.querySelector('#matrix tbody').innerText").await?;
            driver.find(By::LinkText("32k tokens")).await?.click().await?;
            until(&driver, "return location.pathname.endsWith('/at-32k/')").await?;
            let current = "return document.querySelector('.switch [aria-current]').textContent";
            ensure!(ask(&driver, current).await? == json!("32k tokens"));
            ensure!(ask(&driver, "return document.querySelector('#matrix tbody').innerText").await? != usual);
            let held = "const box = document.querySelector('#matrix .scroll'); box.scrollTop = 600; box.scrollLeft = 200;
                const head = box.querySelector('thead th:last-child').getBoundingClientRect();
                const names = box.querySelector('tbody th').getBoundingClientRect(); const place = box.getBoundingClientRect();
                return box.scrollTop > 300 && Math.abs(head.top - place.top) < 2 && Math.abs(names.left - place.left) < 2";
            ensure!(ask(&driver, held).await? == json!(true), "heads scroll away");
            no_problems(&driver).await
        }
    };
    stage.play(PHONE.0, PHONE.1, play).await
}

#[tokio::test]
async fn a_row_has_an_address_and_is_a_card_on_a_phone() -> Result<()> {
    let stage = stage()?;
    for (width, height) in [PHONE, WIDE] {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                driver.goto(format!("{}devices/pixel-9a/#llama-3.2-3b", stage.address)).await?;
                let seen = "const row = document.getElementById('llama-3.2-3b'); const place = row.getBoundingClientRect();
                    const answer = row.querySelector('.verdict').getBoundingClientRect();
                    const head = row.closest('table').tHead.getBoundingClientRect();
                    const covered = getComputedStyle(row).display !== 'block' && answer.top < head.bottom;
                    return answer.top >= 0 && answer.bottom <= innerHeight && place.right <= innerWidth && !covered";
                until(&driver, &format!("return (() => {{ {seen} }})()")).await?;
                let card =
                    "return getComputedStyle(document.getElementById('llama-3.2-3b')).display === 'block'";
                ensure!(ask(&driver, card).await? == json!(width < 700), "{width}");
                no_problems(&driver).await
            }
        };
        stage.play(width, height, play).await?;
    }
    Ok(())
}

#[tokio::test]
async fn words_explain_themselves_by_keyboard_pointer_and_tap() -> Result<()> {
    let stage = stage()?;
    for (width, height) in [(320, 640), WIDE] {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                driver.goto(format!("{}docs/reading/", stage.address)).await?;
                let shown = "[...document.querySelectorAll('.tip')].filter(tip => tip.checkVisibility())";
                let inside = format!(
                    "const all = {shown}; if (all.length !== 1) return false; const place = all[0].getBoundingClientRect();
                     return place.left >= 0 && place.right <= innerWidth && place.top >= 0 && place.bottom <= innerHeight && all[0].innerText.length > 20"
                );
                ensure!(ask(&driver, &format!("return {shown}.length")).await? == json!(0));
                let described = "return [...document.querySelectorAll('.term')].every(term =>
                    document.getElementById(term.getAttribute('aria-describedby')).classList.contains('tip'))";
                ensure!(ask(&driver, described).await? == json!(true));
                // By keyboard: reached, and sent away.
                ask(&driver, "document.getElementById('main').focus(); return true").await?;
                for _ in 0..30 {
                    driver.active_element().await?.send_keys(Key::Tab + "").await?;
                    if ask(&driver, "return document.activeElement.classList.contains('term')").await?
                        == json!(true)
                    {
                        break;
                    }
                }
                until(&driver, &inside).await?;
                accessible(&driver, &format!("an explained word at {width} px")).await?;
                driver.active_element().await?.send_keys(Key::Escape + "").await?;
                until(&driver, &format!("return {shown}.length === 0")).await?;
                // By a tap, and again.
                let last = "const all = document.querySelectorAll('.term'); const term = all[all.length - 1]; term.scrollIntoView({ block: 'center' }); term.click(); return true";
                ask(&driver, last).await?;
                until(&driver, &inside).await?;
                ask(&driver, "document.activeElement.blur(); document.querySelector(':popover-open').hidePopover(); return true").await?;
                until(&driver, &format!("return {shown}.length === 0")).await?;
                // By the pointer.
                let terms = driver.find_all(By::Css(".term")).await?;
                if let Some(term) = terms.last() {
                    driver.action_chain().move_to_element_center(term).perform().await?;
                }
                until(&driver, &inside).await?;
                no_problems(&driver).await
            }
        };
        stage.play(width, height, play).await?;
    }
    Ok(())
}

#[tokio::test]
async fn pages_scroll_in_one_direction_only() -> Result<()> {
    let stage = stage()?;
    let play = |driver: WebDriver| {
        let stage = stage.clone();
        async move {
            for page in [
                "",
                "search/",
                "offline/",
                "devices/",
                "models/",
                "limits/",
                "programs/",
                "reports/",
                "methodology/",
                "docs/",
                "docs/codecs/",
                "docs/speed/",
                "docs/limits/",
                "docs/measuring/",
                "models/gemma4-e2b/",
                "dossiers/gemma-4-e2b-on-a-6-gb-phone/",
            ] {
                driver.goto(format!("{}{page}", stage.address)).await?;
                no_problems(&driver).await?;
                for width in [768, 720, 360, 320] {
                    let size =
                        json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
                    driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await?;
                    until(&driver, &format!("return innerWidth === {width}")).await?;
                    let wide = ask(&driver, "return document.documentElement.scrollWidth").await?;
                    ensure!(wide.as_u64() <= Some(width), "{page}: {wide} of {width} px");
                }
            }
            Ok(())
        }
    };
    stage.play(768, 900, play).await
}
