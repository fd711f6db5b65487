//! Three things that people come for, in as few steps as that takes, with the answer on screen at the end.

use anyhow::{Result, ensure};
use dhurandhar_tests::browser::{ask, no_problems, stage, until};
use thirtyfour::prelude::{By, WebDriver};

const SIZES: [(u32, u32); 2] = [(360, 780), (1440, 900)];

/// A person at the page, whose every act is counted.
struct Person {
    driver: WebDriver,
    acts: u32,
}

impl Person {
    async fn type_into(&mut self, field: &str, text: &str) -> Result<()> {
        self.acts += 1;
        self.seen(&format!("document.querySelector('{field}')")).await?;
        self.driver.find(By::Css(field)).await?.send_keys(text).await?;
        Ok(())
    }

    /// Clicks what is on screen already.
    async fn click(&mut self, element: &str) -> Result<()> {
        self.acts += 1;
        self.seen(element).await?;
        until(&self.driver, &format!("const element = {element}; element?.click(); return !!element")).await
    }

    /// Chooses an option of a list.
    async fn choose(&mut self, list: &str, value: &str) -> Result<()> {
        self.acts += 1;
        self.seen(&format!("document.querySelector('{list}')")).await?;
        let choose = format!(
            "const list = document.querySelector('{list}'); list.value = '{value}';
             list.dispatchEvent(new Event('change', {{ bubbles: true }})); return list.value === '{value}'"
        );
        until(&self.driver, &choose).await
    }

    /// Scrolls to it, as one swipe or turn of a wheel.
    async fn scroll_to(&mut self, element: &str) -> Result<()> {
        self.acts += 1;
        let scroll = format!(
            "const element = {element}; element?.scrollIntoView({{ block: 'center', behavior: 'instant' }}); return !!element"
        );
        until(&self.driver, &scroll).await
    }

    /// Waits until it is on screen, and nothing lies over it.
    async fn seen(&self, element: &str) -> Result<()> {
        let is_seen = format!(
            "const element = {element}; if (!element) return false; const box = element.getBoundingClientRect();
             if (!(box.width > 0 && box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth)) return false;
             const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
             return element.contains(over)"
        );
        until(&self.driver, &is_seen).await
    }
}

#[tokio::test]
async fn can_my_6_gb_android_phone_run_llama_3_2_3b() -> Result<()> {
    let stage = stage()?;
    for (width, height) in SIZES {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                driver.goto(&stage.address).await?;
                until(&driver, "return !!document.querySelector('#find-field')").await?;
                let mut person = Person { driver, acts: 0 };
                person.type_into("#find-field", "can my 6 GB Android phone run Llama 3.2 3B").await?;
                person.click("document.querySelector('#find-field-found [role=option]')").await?;
                until(&person.driver, "return location.search.includes('model=llama-3.2-3b')").await?;
                person.seen("document.querySelector('.calc-answer .verdict')").await?;
                let answer =
                    ask(&person.driver, "return document.querySelector('.calc-answer').innerText").await?;
                ensure!(answer.as_str().is_some_and(|text| text.contains("tok/s")), "{answer}");
                ensure!(person.acts <= 3, "{} acts", person.acts);
                no_problems(&person.driver).await
            }
        };
        stage.play(width, height, play).await?;
    }
    Ok(())
}

#[tokio::test]
async fn which_4_bit_format_and_context_fit_and_the_comparison_is_sent() -> Result<()> {
    let stage = stage()?;
    for (width, height) in SIZES {
        let play = |driver: WebDriver| {
            let stage = stage.clone();
            async move {
                driver.goto(&stage.address).await?;
                let mut person = Person { driver, acts: 0 };
                // The calculator begins with this model.
                person.click("document.querySelector('.actions a[href*=calculator]')").await?;
                until(
                    &person.driver,
                    "return !!document.querySelector('#device') && !document.querySelector('.calc-waiting')",
                )
                .await?;
                person.choose("#device", "galaxy-a16-6gb").await?;
                person.click("document.querySelector('#tab-compare')").await?;
                person.scroll_to("document.querySelector('#format-four')").await?;
                person.seen("document.querySelector('#format-four')").await?;
                let answer =
                    ask(&person.driver, "return document.querySelector('#format-four').innerText").await?;
                let text = answer.as_str().unwrap_or_default();
                ensure!(text.contains("4 bits") && text.contains("tokens"), "{text}");
                ensure!(person.acts <= 6, "{} acts", person.acts);

                // Two more: to the button, and on it.
                let before = person.acts;
                person.scroll_to("document.querySelector('#copy-link')").await?;
                person.click("document.querySelector('#copy-link')").await?;
                person.seen("document.querySelector('output[for=copy-link]')").await?;
                until(&person.driver, "return /Copied|The link: http/.test(document.querySelector('output[for=copy-link]').innerText)").await?;
                ensure!(person.acts - before <= 2, "{} more acts", person.acts - before);
                no_problems(&person.driver).await
            }
        };
        stage.play(width, height, play).await?;
    }
    Ok(())
}
