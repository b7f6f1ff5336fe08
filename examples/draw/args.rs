//! What can be asked for on the command line.

use clap::Parser;
use std::{net::IpAddr, path::PathBuf};

/// Serve a page on which to draw a digit and watch every layer of LeNet answer.
#[derive(Parser)]
#[command(args_override_self = true)] // so that a command can be repeated with one thing changed at its end
pub struct Args {
    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8032)]
    pub port: u16,
    /// Address to listen on; any but loopback lets other machines in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub listen: IpAddr,
    /// Weights in any form that lenet reads [default: those that come with it]
    #[arg(long, value_name = "PATH")]
    pub weights: Option<PathBuf>,
    /// Folder with MNIST's four files [default: the first copy that is found, else a download]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}
