//! Prints the table of LeNet's layers as torchsummary does, or as Paddle does.

use clap::Parser;
use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

/// Print the table of LeNet's layers, as torchsummary.summary(net, (1, 32, 32)) does.
#[derive(Parser)]
struct Args {
    /// As paddle.summary(net, (1, 1, 32, 32)) does
    #[arg(long)]
    paddle: bool,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(args: Args) -> io::Result<()> {
    let summary = lenet::summary([1, 32, 32]);
    let mut out = io::stdout();
    if args.paddle { write!(out, "{}", summary.paddle()) } else { write!(out, "{summary}") }
}
