//! The page, in a browser: drawn on, clicked, used without a mouse, and looked at.

use crate::{
    browser::{Browser, key},
    server::Server,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{f64::consts::TAU, fs, path::Path};
use tokio::runtime;

const ONE: &[(f64, f64)] = &[(0.05, -0.6), (0.0, 0.0), (-0.05, 0.6)];
const SEVEN: &[(f64, f64)] = &[(-0.4, -0.55), (0.0, -0.55), (0.4, -0.55), (0.2, 0.0), (0.0, 0.6)];

fn zero() -> Vec<(f64, f64)> {
    let at = |i: u32| (f64::from(i) * TAU / 24.0).sin_cos();
    (0..=24).map(at).map(|(sin, cos)| (-0.4 * sin, -0.6 * cos)).collect()
}

#[test]
#[ignore = "needs chromium and chromedriver: scripts/check-page"]
fn in_a_browser() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (server, browser) = (Server::start(), Browser::open().await);
        browser.screen(1280, 900, &[("prefers-color-scheme", "light")]).await;
        browser.client.goto(&format!("http://{}/", server.address)).await.unwrap();
        browser.wait_for("document.querySelectorAll('#samples button').length === 48").await;
        everything_has_a_name(&browser).await;
        draws(&browser).await;
        is_used_without_a_mouse(&browser).await;
        looks_into_a_mistake(&browser).await;
        fits(&browser).await;
        assert_eq!(browser.console().await, json!([]));
        browser.close().await;
    });
}

/// Waits until a digit is read, and every map shown.
async fn reads(browser: &Browser, digit: u8) {
    browser.wait_for(&format!("document.body.dataset.digit === '{digit}'")).await;
    browser.wait_for(&format!("document.querySelector('#digit').textContent === '{digit}'")).await;
}

async fn draws(browser: &Browser) {
    let empty = maps(browser).await;
    let zero = zero();
    for (digit, stroke) in [(1, ONE), (7, SEVEN), (0, &zero[..])] {
        browser.click("#clear").await;
        browser.wait_for("document.body.dataset.digit === ''").await;
        browser.draw(&[stroke]).await;
        reads(browser, digit).await;
        browser
            .wait_for(&format!(
                "document.querySelector('#spoken').textContent.startsWith('Read as {digit}, ')"
            ))
            .await;
        let drawn = maps(browser).await;
        assert_eq!(drawn.len(), 8);
        for (i, (drawn, empty)) in drawn.iter().zip(&empty).enumerate() {
            assert_ne!(drawn, empty, "stage {i} shows nothing for a {digit}");
        }
    }
    shoot(browser, "drawn").await;
    // A class that is chosen is what the answer is compared with.
    browser.click("#classes li:nth-child(7) button").await;
    browser
        .wait_for("document.querySelector('#why-title').textContent === 'Why 0 and not 6?'")
        .await;
}

/// The stages' pictures.
async fn maps(browser: &Browser) -> Vec<Value> {
    let pictures = "[...document.querySelectorAll('#stages canvas')].map((c) => c.toDataURL())";
    serde_json::from_value(browser.value(pictures).await).unwrap()
}

async fn is_used_without_a_mouse(browser: &Browser) {
    browser.type_into("#paper", key::DELETE).await;
    browser.wait_for("document.body.dataset.digit === ''").await;
    // A 1: pen down, sixteen steps, pen up.
    browser.type_into("#paper", &format!(" {} ", key::DOWN.repeat(16))).await;
    reads(browser, 1).await;
    browser.wait_for("!document.querySelector('#pen').hidden").await;
    shoot(browser, "keyboard").await;
    // One of the test digits is in the order of Tab; from there the arrow keys go on.
    browser.type_into("#misread", key::TAB).await;
    browser.wait_for("document.activeElement.parentElement.id === 'samples'").await;
    browser.type_where_the_focus_is(key::RIGHT).await;
    browser.type_where_the_focus_is(key::DOWN).await;
    browser.type_where_the_focus_is(key::ENTER).await;
    browser.wait_for("document.activeElement.getAttribute('aria-current') === 'true'").await;
    browser
        .wait_for("document.activeElement === document.querySelectorAll('#samples button')[9]")
        .await;
    browser
        .wait_for("document.querySelector('#spoken').textContent.startsWith('Test digit ')")
        .await;
}

async fn looks_into_a_mistake(browser: &Browser) {
    browser.click("#misread").await;
    browser.wait_for("document.querySelectorAll('#samples .wrong').length === 48").await;
    browser.click("#samples button:nth-child(3)").await;
    browser.wait_for("document.querySelector('#spoken').textContent.endsWith('wrong.')").await;
    browser.wait_for("document.querySelector('#digit').matches('.wrong')").await;
    // It is compared with what it should have been read as.
    let texts = "[document.querySelector('#samples button:nth-child(3) small').textContent,
        document.querySelector('#why-title').textContent]";
    let texts: [String; 2] = serde_json::from_value(browser.value(texts).await).unwrap();
    let (label, read_as) = texts[0].split_once(" → ").unwrap();
    assert_eq!(texts[1], format!("Why {read_as} and not {label}?"));
    shoot(browser, "mistake").await;
}

/// At the width of phones, tablets and desks nothing reaches over the edge or into something else; pictures are taken, dark
/// and light.
async fn fits(browser: &Browser) {
    for (width, height, name) in [
        (320, 640, None),
        (375, 812, Some("phone")),
        (768, 1024, Some("tablet")),
        (1280, 900, Some("desk")),
    ] {
        for scheme in ["light", "dark"] {
            let still = ("prefers-reduced-motion", "reduce");
            browser.screen(width, height, &[("prefers-color-scheme", scheme), still]).await;
            let sideways =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.value(sideways).await, 0, "at {width}");
            assert_eq!(browser.value(CUT_OFF).await, json!([]), "at {width}");
            let duration = "getComputedStyle(document.querySelector('.bar i')).transitionDuration";
            assert_eq!(browser.value(duration).await, "0s");
            let background = browser.value("getComputedStyle(document.body).backgroundColor").await;
            let expected = if scheme == "dark" { "rgb(16, 19, 23)" } else { "rgb(246, 247, 248)" };
            assert_eq!(background, expected);
            if let Some(name) = name {
                shoot(browser, &format!("{name}-{scheme}")).await;
            }
        }
    }
}

/// Elements that reach over the edge of the screen or of their section, or whose content is wider than they are.
const CUT_OFF: &str = "[...document.querySelectorAll('main *')].filter((element) => {
    if (!element.offsetParent || element.closest('.button, i, #pen, .unseen')) return false;
    const [box, section] = [element, element.closest('section')].map((e) => e.getBoundingClientRect());
    return box.left < section.left || box.right > section.right || element.scrollWidth > element.clientWidth + 1
        && getComputedStyle(element).display !== 'inline';
}).map((element) => element.outerHTML.slice(0, 200))";

/// For screen readers.
async fn everything_has_a_name(browser: &Browser) {
    let tree = browser.chromium("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap();
    let of = |role: &str| {
        let nodes =
            nodes.iter().filter(|node| node["ignored"] == false && node["role"]["value"] == role);
        nodes.map(|node| node["name"]["value"].as_str().unwrap_or_default()).collect::<Vec<_>>()
    };
    let images = of("image").len().max(of("img").len());
    assert!(
        of("button").len() > 60
            && images >= 8
            && of("application").len() == 1
            && of("heading").len() >= 13
    );
    assert_eq!(of("status").len(), 1);
    for role in ["button", "image", "img", "application", "heading", "region"] {
        for name in of(role) {
            assert!(!name.is_empty(), "a {role} without a name");
        }
    }
}

/// Into target/page.
async fn shoot(browser: &Browser, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../page");
    fs::create_dir_all(&folder).unwrap();
    let picture = BASE64_STANDARD.decode(browser.screenshot().await).unwrap();
    fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}
