//! What the programs that train show in a terminal, however narrow, and what Ctrl-C leaves there.

#![cfg(all(unix, feature = "download", feature = "report"))] // as train_mnist is

#[allow(dead_code)] // what the programs use
#[path = "../examples/program"]
mod drawn {
    pub mod progress;
    pub mod terminal;
}
#[path = "../examples/train_mnist/figures.rs"]
mod figures;
#[allow(dead_code)] // what other tests run
mod program;

use drawn::{progress::Progress, terminal::Terminal};
use program::{SMALL, example};
use std::{
    env,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Runs a command in a terminal of so many columns, which Python's standard library makes, and types Ctrl-C once it has seen
/// `until`, if it is to; prints what the terminal is sent, and ends with the command's exit code.
const PTY: &str = r#"
import fcntl, os, pty, struct, sys, termios
columns, until = int(sys.argv[1]), sys.argv[2].encode()
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
seen = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
    seen += data
    if until and until in seen:
        os.write(terminal, b"\x03")
        until = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// The terminal after a run, the exit code, and the bars that were seen, each once. At no time does the bar take more than a
/// line, as long as nobody types: what the terminal echoes can come in the middle of what the program writes.
fn shown(
    command: &Command,
    columns: u16,
    until: &str,
) -> (vt100::Parser, Option<i32>, Vec<String>) {
    let mut python = Command::new("python3");
    python.args(["-c", PTY, &columns.to_string(), until]);
    python.arg(command.get_program()).args(command.get_args());
    python.env("TERM", "xterm-256color").env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
    let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
    let mut terminal = vt100::Parser::new(24, columns, 0);
    let mut bytes = [0; 64];
    let mut bars: Vec<String> = vec![];
    while let Ok(count @ 1..) = child.stdout.as_mut().unwrap().read(&mut bytes) {
        terminal.process(&bytes[..count]);
        let rows = bar_rows(&terminal);
        for row in &rows {
            if !bars.contains(row) {
                bars.push(row.clone());
            }
        }
        if !until.is_empty() {
            continue;
        }
        assert!(rows.len() <= 1, "{columns} columns:\n{}", terminal.screen().contents());
        assert!(!is_wrapped(&terminal), "{columns} columns:\n{}", terminal.screen().contents());
    }
    assert!(!bars.is_empty(), "no bar in {columns} columns:\n{}", terminal.screen().contents());
    (terminal, child.wait().unwrap().code(), bars)
}

/// The lines that show a part of a bar or its figures.
fn bar_rows(terminal: &vt100::Parser) -> Vec<String> {
    let columns = terminal.screen().size().1;
    let parts = ["█", "░", " s left"];
    let rows = terminal.screen().rows(0, columns);
    rows.filter(|row| parts.iter().any(|part| row.contains(part))).collect()
}

/// Whether a bar's line goes on in the next one.
fn is_wrapped(terminal: &vt100::Parser) -> bool {
    let screen = terminal.screen();
    let titles = ["epoch 1/", "pass 1/"];
    let mut rows = (0..).zip(screen.rows(0, screen.size().1));
    rows.any(|(row, text)| titles.iter().any(|it| text.contains(it)) && screen.row_wrapped(row))
}

fn programs() -> [Command; 2] {
    let (mut post, mut paper) = (example("train_mnist"), example("lenet_1998"));
    post.args(["--device", "cpu", "--batch-size", "4"]);
    paper.arg("--distort");
    [post, paper].map(|mut command| {
        command.arg("--data").arg(SMALL.path());
        command
    })
}

#[test]
fn the_bar_takes_one_line_however_narrow_the_terminal_is() {
    for columns in [200, 59, 40, 9] {
        let [mut post, mut paper] = programs();
        for command in [post.args(["--epochs", "1"]), paper.args(["--passes", "1"])] {
            let (terminal, code, _) = shown(command, columns, "");
            assert_eq!(code, Some(0));
            assert!(bar_rows(&terminal).is_empty(), "{}", terminal.screen().contents());
        }
    }
}

/// Whether the terminal's `^C` comes before the bar goes or after it, is chance.
#[test]
fn ctrl_c_ends_the_run_and_leaves_nothing_of_the_bar() {
    for columns in [80, 40, 20] {
        let [mut post, mut paper] = programs();
        for command in [post.args(["--epochs", "1000"]), paper.args(["--passes", "1000"])] {
            let (terminal, code, _) = shown(command, columns, "█");
            assert_eq!(code, Some(130));
            let screen = terminal.screen().contents().replace('\n', "");
            assert!(bar_rows(&terminal).is_empty(), "{screen}");
            assert!(screen.contains("stopped in "), "{screen}");
        }
    }
}

/// The images of the epoch that [`an_epoch_without_figures`] draws.
const IMAGES: usize = 8;

/// What [`the_bar_moves_without_figures`] runs in a terminal: an epoch's bar, as train_mnist draws it on a GPU.
#[test]
#[ignore = "drawn in a terminal by the_bar_moves_without_figures"]
fn an_epoch_without_figures() {
    let terminal = Terminal { quiet: false };
    let progress = Progress::start(&terminal, "epoch 1/1".into(), 0, IMAGES);
    for samples in 1..=IMAGES {
        thread::sleep(Duration::from_millis(100)); // indicatif draws 20 times a second at most
        progress.show(samples, || figures::figures(None));
    }
}

/// A GPU is not asked for figures after each step: the bar has a title, a pace and the time that is left all the same.
#[test]
fn the_bar_moves_without_figures() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "an_epoch_without_figures"]);
    let (_, code, bars) = shown(&command, 80, "");
    assert_eq!(code, Some(0), "{bars:#?}");
    let whole = |bar: &&String| {
        let parts = ["epoch 1/1 ", " images/s, ", " s left"];
        parts.iter().all(|part| bar.contains(part)) && !bar.contains("loss")
    };
    let whole: Vec<_> = bars.iter().filter(whole).collect();
    // The bar is shorter where the pace has more digits: what it shows is how many images are done.
    let images = |bar: &&String| {
        let [done, left] = ['█', '░'].map(|part| bar.matches(part).count());
        (IMAGES as f64 * done as f64 / (done + left) as f64).round() as usize
    };
    let mut steps: Vec<_> = whole.iter().map(images).collect();
    assert!(steps.is_sorted(), "{bars:#?}");
    steps.dedup();
    assert!(steps.len() >= IMAGES / 2, "{bars:#?}");

    // With figures they are in front.
    let data = lenet::Dataset::from_pixels(vec![0; 2 * 1024], vec![3, 3]).unwrap();
    let config = lenet::TrainConfig::pytorch_on(lenet::train::Device::Cpu);
    let stats = lenet::Trainer::new(config).unwrap().train_epoch(&data).unwrap();
    let shown = [format!("loss {:.4}", stats.loss), format!("acc {:.4}", stats.accuracy)];
    assert_eq!(figures::figures(Some(stats)), shown);
}
