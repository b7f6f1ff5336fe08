//! The server, without a browser.

use crate::program::{example, run};
use lenet::image::{GrayImage, ImageFormat, Luma};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Cursor, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The example, while it runs.
pub struct Server {
    program: Child,
    /// Host and port.
    pub address: String,
}

impl Server {
    pub fn start() -> Server {
        let mut program =
            example("draw").args(["--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("http://").and_then(|line| line.split_once('/'));
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).0.to_owned();
        Server { program, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Status, head and body of the answer.
    fn ask(&self, request: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = self.connect();
        let host = &self.address;
        let length = body.len();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        // It may refuse, and close, before it has read all.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    fn json(&self, request: &str, body: &[u8]) -> Value {
        let (status, _, body) = self.ask(request, body);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends a signal, and waits for the end.
    fn stop(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        (self.program.wait().unwrap(), start.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A 1, as a PNG.
fn one() -> Vec<u8> {
    let stroke =
        |x, y| Luma([if (46..54).contains(&x) && (20..80).contains(&y) { 0 } else { 255 }]);
    let mut file = Cursor::new(Vec::new());
    GrayImage::from_fn(100, 100, stroke).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn answers_with_every_layer() {
    let server = Server::start();
    let answer = server.json("POST /read", &one());
    assert_eq!(answer["digit"], 1);
    let sum: f64 = answer["probabilities"].as_array().unwrap().iter().flat_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    assert_eq!(answer["prepared"].as_str().unwrap().len(), (28_usize * 28).div_ceil(3) * 4);

    let stages = answer["stages"].as_array().unwrap();
    let expected = [
        ("input", vec![1, 32, 32], 0),
        ("C1", vec![6, 28, 28], 156),
        ("S2", vec![6, 14, 14], 12),
        ("C3", vec![16, 10, 10], 2_416),
        ("S4", vec![16, 5, 5], 32),
        ("C5", vec![120], 48_120),
        ("F6", vec![84], 10_164),
        ("output", vec![10], 850),
    ];
    assert_eq!(stages.len(), expected.len());
    for (stage, (name, shape, parameters)) in stages.iter().zip(expected) {
        assert_eq!(stage["name"], name);
        assert_eq!(stage["shape"], serde_json::json!(shape), "{name}");
        assert_eq!(stage["parameters"], parameters, "{name}");
        let values = shape.iter().product::<usize>();
        let bytes = stage["values"]["bytes"].as_str().unwrap();
        assert_eq!(bytes.len(), values.div_ceil(3) * 4, "{name}");
    }
}

/// The margin is a difference of logits, which probabilities tell, too; and it is what its parts add up to.
#[test]
fn says_why() {
    let server = Server::start();
    for towards in [7, 3] {
        let answer = server.json(&format!("POST /read?towards={towards}"), &one());
        let (why, probabilities) = (&answer["why"], &answer["probabilities"]);
        assert_eq!(why["towards"], towards);
        let margin = why["margin"].as_f64().unwrap();
        let ratio = probabilities[1].as_f64().unwrap() / probabilities[towards].as_f64().unwrap();
        assert!((margin - ratio.ln()).abs() < 1e-2, "{margin} {ratio}");
        let units = why["units"].as_array().unwrap();
        assert_eq!(units.len(), 84);
        let sum: f64 = units.iter().flat_map(Value::as_f64).sum();
        assert!((margin - sum - why["bias"].as_f64().unwrap()).abs() < 1e-4);
    }
}

#[test]
fn shows_test_digits_and_what_is_misread() {
    let server = Server::start();
    let known = server.json("GET /samples/misread", b"");
    assert_eq!(known["samples"], 10_000);
    let misread = known["misread"].as_array().unwrap();
    assert_eq!(misread.len(), 157, "9,843 are right, as README.md says");
    let first = &misread[0];
    let samples = server.json(&format!("GET /samples?at=0,{first}"), b"");
    assert_eq!((&samples[0]["label"], &samples[0]["read_as"]), (&7.into(), &7.into()));
    assert_ne!(samples[1]["label"], samples[1]["read_as"]);
    // The answer agrees with the list, and compares with what it should have been.
    let answer = server.json(&format!("GET /samples/{first}"), b"");
    assert_eq!(answer["digit"], samples[1]["read_as"]);
    assert_eq!(answer["why"]["towards"], samples[1]["label"]);
}

#[test]
fn refuses_what_is_wrong_and_says_why() {
    let server = Server::start();
    let blank = {
        let mut file = Cursor::new(Vec::new());
        let white = GrayImage::from_pixel(50, 50, Luma([255]));
        white.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let one = one();
    let huge = {
        // The PNG says that it is of 60,000 x 60,000 pixels.
        let mut header = b"IHDR".to_vec();
        header.extend([0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 0, 0, 0, 0]);
        let mut crc = flate2::Crc::new();
        crc.update(&header);
        let mut file = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d".to_vec();
        file.extend(header);
        file.extend(crc.sum().to_be_bytes());
        file
    };
    let many = (0..101).map(|index| index.to_string()).collect::<Vec<_>>().join(",");
    let many = format!("GET /samples?at={many}");
    let cases: [(&str, &[u8], u16, &str); 16] = [
        ("GET /nothing", b"", 404, "nothing here"),
        ("GET /read", b"", 405, "method"),
        ("POST /read", b"", 422, "no image"),
        ("POST /read", b"no image at all", 422, "no image"),
        ("POST /read", &one[..one.len() / 2], 422, "no image"),
        ("POST /read", &huge, 422, "no image"),
        ("POST /read", &blank, 422, "blank"),
        ("POST /read", &[0; (1 << 20) + 1], 413, "1048576 bytes"),
        ("POST /read?towards=10", &one, 400, "0 to 9"),
        ("POST /read?towards=x", &one, 400, "towards"),
        ("POST /read?digit=1", &one, 400, "digit"),
        ("GET /samples", b"", 400, "at"),
        ("GET /samples?at=1,,2", b"", 400, "index"),
        (&many, b"", 400, "at most 100"),
        ("GET /samples/10000", b"", 404, "0 to 9999"),
        ("GET /samples/-1", b"", 400, "-1"),
    ];
    for (request, body, expected, reason) in cases {
        let (status, head, answer) = server.ask(request, body);
        assert_eq!(status, expected, "{request}: {answer}");
        assert!(head.contains("content-type: application/json"), "{request}: {head}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let message = answer["error"].as_str().unwrap();
        assert!(message.contains(reason), "{request}: {message}");
    }
    // None of them did any harm.
    assert_eq!(server.json("POST /read", &one)["digit"], 1);
}

#[test]
fn sends_headers_that_keep_the_page_to_itself() {
    let server = Server::start();
    for path in ["/", "/page.css", "/page.js", "/icon.svg", "/nothing"] {
        let (_, head, body) = server.ask(&format!("GET {path}"), b"");
        for header in
            ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"]
        {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(!body.contains("//cdn") && !body.contains("https://"), "{path}");
    }
}

#[test]
fn limits_the_rate() {
    let server = Server::start();
    let until = Instant::now() + Duration::from_secs(2);
    let statuses: Vec<_> = thread::scope(|scope| {
        let ask = || {
            let mut statuses = Vec::new();
            while Instant::now() < until {
                let (status, head, _) = server.ask("GET /samples/misread", b"");
                assert_eq!(status == 429, head.contains("retry-after: 1"), "{head}");
                statuses.push(status);
            }
            statuses
        };
        let visitors: Vec<_> = (0..40).map(|_| scope.spawn(ask)).collect();
        visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect()
    });
    let count = |wanted| statuses.iter().filter(|&&status| status == wanted).count();
    let (answered, refused) = (count(200), count(429));
    assert_eq!(answered + refused, statuses.len());
    // A hundred a second, over two seconds and the parts of seconds at both ends.
    assert!((1..=400).contains(&answered) && refused > 0, "{answered} answered, {refused} refused");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(server.ask("GET /samples/misread", b"").0, 200);
}

/// Read until the server closes the connection.
fn rest_of(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    String::from_utf8(rest).unwrap()
}

#[test]
fn does_not_wait_for_ever() {
    let server = Server::start();
    let (silent, mut head, mut body) = (server.connect(), server.connect(), server.connect());
    head.write_all(b"POST /read HTTP/1.1\r\nHost:").unwrap();
    body.write_all(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    let answer = rest_of(body);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("more than 5 s"), "{answer}");
    // Closed, within the time that `connect` sets for reading.
    for stream in [silent, head] {
        let start = Instant::now();
        rest_of(stream);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
    assert_eq!(server.json("POST /read", &one())["digit"], 1);
}

/// One request a connection: who sends many and reads no answer does not keep a place for ever.
#[test]
fn answers_once_a_connection() {
    let server = Server::start();
    let mut stream = server.connect();
    let request = "GET /samples/misread HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).unwrap();
    let answers = rest_of(stream);
    assert!(answers.matches("HTTP/1.1 200").count() <= 1, "{answers}");
    assert_eq!(server.json("POST /read", &one())["digit"], 1);
}

#[test]
fn stops_cleanly_whatever_is_connected() {
    for signal in ["-INT", "-TERM"] {
        let mut server = Server::start();
        let idle = server.connect();
        let mut slow = server.connect();
        slow.write_all(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            .unwrap();
        assert_eq!(server.json("POST /read", &one())["digit"], 1);
        let (status, took) = server.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(took < Duration::from_secs(10), "{signal}: {took:?}");
        drop((idle, slow));
    }
}

#[test]
fn says_what_to_do_where_the_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (output, out, err) = run(example("draw").args(["--port", &port]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out, "");
    assert!(err.contains("is taken: choose another port with --port N"), "{err}");
}

#[test]
fn warns_where_others_can_reach_it() {
    let mut program = example("draw");
    program.args(["--port", "0", "--listen", "0.0.0.0"]).stderr(Stdio::piped());
    let mut program = program.stdout(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stderr.take().unwrap()).read_line(&mut line).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(line.starts_with("warning: listening on 0.0.0.0"), "{line}");
}
