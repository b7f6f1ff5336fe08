//! Chromium, through chromedriver.

use axum::http::Method;
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    wd::WebDriverCompatibleCommand,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time;

pub struct Browser {
    driver: Child,
    pub client: Client,
    // Removed once the browser is gone.
    _profile: TempDir,
}

impl Browser {
    pub async fn open() -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("no chromedriver: scripts/check-page says how to get it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let mut args: Vec<_> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
        ]
        .map(String::from)
        .into();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let Value::Object(capabilities) = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
        }) else {
            unreachable!()
        };
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver named no port"));
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&url)
            .await
            .unwrap();
        Browser { driver, client, _profile: profile }
    }

    pub async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }

    /// What a command of Chromium's own protocol gives.
    pub async fn chromium(&self, command: &'static str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Own { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// What the page wrote to the console: errors, and what the Content-Security-Policy forbade.
    pub async fn console(&self) -> Value {
        let body = json!({ "type": "browser" });
        self.client.issue_cmd(Own { path: "se/log", body }).await.unwrap()
    }

    /// A screen of this width, and these preferences.
    pub async fn screen(&self, width: u32, height: u32, preferences: &[(&str, &str)]) {
        let phone = width < 500;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone });
        self.chromium("Emulation.setDeviceMetricsOverride", metrics).await;
        self.chromium("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone })).await;
        let features =
            preferences.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        let features = json!({ "features": features.collect::<Vec<_>>() });
        self.chromium("Emulation.setEmulatedMedia", features).await;
    }

    /// The whole page, as a PNG in base64.
    pub async fn screenshot(&self) -> String {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.chromium("Page.captureScreenshot", whole).await;
        shot["data"].as_str().unwrap().to_owned()
    }

    pub async fn value(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression}"), Vec::new()).await.unwrap()
    }

    /// Until it is so.
    pub async fn wait_for(&self, expression: &str) {
        for _ in 0..200 {
            if self.value(expression).await == Value::Bool(true) {
                return;
            }
            time::sleep(Duration::from_millis(50)).await;
        }
        let said = self.value("document.body.innerText").await;
        panic!("never {expression}: {said}\n{}", self.console().await);
    }

    pub async fn click(&self, selector: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    pub async fn type_into(&self, selector: &str, keys: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().send_keys(keys).await.unwrap();
    }

    pub async fn type_where_the_focus_is(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Draws strokes on the paper with the mouse; coordinates go from -1 to 1 from edge to edge.
    pub async fn draw(&self, strokes: &[&[(f64, f64)]]) {
        let paper = self.client.find(Locator::Css("#paper")).await.unwrap();
        self.client
            .execute(
                "arguments[0].scrollIntoView({ block: 'center' })",
                vec![serde_json::to_value(&paper).unwrap()],
            )
            .await
            .unwrap();
        let (_, _, width, _) = paper.rectangle().await.unwrap();
        let mut mouse = MouseActions::new("mouse".into());
        for stroke in strokes {
            for (i, (x, y)) in stroke.iter().enumerate() {
                mouse = mouse.then(PointerAction::MoveToElement {
                    element: paper.clone(),
                    duration: Some(Duration::from_millis(if i == 0 { 0 } else { 40 })),
                    x: x * width / 2.0,
                    y: y * width / 2.0,
                });
                if i == 0 {
                    mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
                }
            }
            mouse = mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        self.client.perform_actions(mouse).await.unwrap();
    }
}

/// A command that chromedriver has beyond WebDriver's.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// WebDriver's codes for keys.
pub mod key {
    pub const RIGHT: &str = "\u{e014}";
    pub const DOWN: &str = "\u{e015}";
    pub const ENTER: &str = "\u{e007}";
    pub const DELETE: &str = "\u{e017}";
    pub const TAB: &str = "\u{e004}";
}
