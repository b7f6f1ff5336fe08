//! A page on which to draw a digit and watch every layer answer. `reader.rs` is what it does with the network, `page.js` is
//! what it shows of it; `routes.rs` and `server.rs` lie between.

mod answer;
mod args;
mod reader;
mod routes;
mod samples;
mod server;
mod worker;

use anyhow::{Context, Result, bail};
use args::Args;
use clap::Parser;
use lenet::{Mnist, tch};
use reader::Reader;
use samples::Samples;
use std::{
    io::{self, ErrorKind, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
};
use tokio::{net::TcpListener, runtime};
use worker::Worker;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    // One image at a time: a second thread would only wait for the first.
    tch::set_num_threads(1);
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // First, so that a port that is taken is known at once.
        let listener = listen(SocketAddr::new(args.listen, args.port)).await?;
        let reader = Reader::open(args.weights.as_deref())?;
        let mnist = args.data.map_or_else(Mnist::find, Mnist::open).context("no test digits")?;
        let samples = Arc::new(Samples::read(&mnist.test, &reader)?);
        drop(mnist);
        let routes = routes::routes(Worker::start(reader, samples.clone())?, samples);

        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            say(format_args!(
                "warning: listening on {}: whoever reaches this machine can use the page, unencrypted and without a password",
                address.ip()
            ));
        }
        // For whoever reads our output, a script too. It may be closed.
        let _ = writeln!(io::stdout(), "http://{address}/ (Ctrl-C to stop)");
        server::serve(listener, routes, server::stop_signal()?).await;
        Ok(())
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!(
                "{address} is taken: choose another port with --port N, or any free one with --port 0"
            )
        }
        listener => listener.with_context(|| format!("cannot listen on {address}")),
    }
}

/// A line on stderr, which may be closed.
fn say(line: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}
