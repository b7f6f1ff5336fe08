//! Prints the table of LeNet's layers as torchsummary does, or as Paddle does, or as the paper counts its own.

use clap::Parser;
use lenet::Summary;
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
    /// Of the network of the 1998 paper: its own table, with connections
    #[arg(long, conflicts_with = "paddle")]
    paper: bool,
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
    let mut out = io::stdout();
    if args.paper {
        return write!(out, "{}", lenet::lenet_1998::LeNet1998Config::default().summary());
    }
    let summary = Summary::new([1, 32, 32]).map_err(io::Error::other)?;
    if args.paddle { write!(out, "{}", summary.paddle()) } else { write!(out, "{summary}") }
}
