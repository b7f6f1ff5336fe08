//! A run that may have checkpoints: started, resumed, stopped.

use super::terminal::say;
use anyhow::{Error, Result, bail};
use lenet::{
    Checkpoints,
    train::{Recipe, Resumable},
};
use std::{env, path::Path};

/// The run in `checkpoints` to resume; none where there is none, or `resume` was not asked for.
pub fn resumed<C: Recipe>(
    config: C,
    resume: bool,
    checkpoints: Option<&Checkpoints>,
) -> Result<Option<C::Trainer>> {
    let Some(checkpoints) = checkpoints else { return Ok(None) };
    if !resume {
        if !checkpoints.is_empty()? {
            bail!(
                "{} holds an earlier run's checkpoints: resume it with --resume, or name another folder",
                checkpoints.dir().display()
            );
        }
        return Ok(None);
    }
    let found = checkpoints.resume(config)?;
    for error in found.damaged {
        say(format_args!("passed over: {:#}", Error::from(error)));
    }
    Ok(found.trainer)
}

/// Refuses to write over what an earlier run left in `dir`, where `is_there` tells that it did, unless it is the run that is
/// resumed.
pub fn check_report(dir: &Path, what: &str, is_there: bool, is_resumed: bool) -> Result<()> {
    if is_there && !is_resumed {
        bail!(
            "{} holds an earlier run's {what}: resume that run with its --checkpoint and --resume, or name another folder",
            dir.display()
        );
    }
    Ok(())
}

/// Saves what was trained, and says how to resume; `place` is where it stopped.
pub fn stop(
    place: &str,
    trainer: &impl Resumable,
    checkpoints: Option<&Checkpoints>,
) -> Result<()> {
    match checkpoints {
        Some(checkpoints) => {
            let path = checkpoints.save(trainer)?;
            let (program, arguments) = command_line();
            let resume = if arguments.contains(" --resume") { "" } else { " --resume" };
            say(format_args!(
                "stopped in {place}; saved to {}. To resume:\n    {program}{arguments}{resume}",
                path.display(),
            ));
        }
        None => {
            say(format_args!("stopped in {place}; nothing was saved: --checkpoint DIR would have"))
        }
    }
    Ok(())
}

/// The program and its arguments, each with a space before it, as a shell takes them.
pub fn command_line() -> (String, String) {
    let mut words = env::args_os().map(|argument| quoted(&argument.to_string_lossy()));
    let program = words.next().unwrap_or_default();
    (program, words.map(|word| format!(" {word}")).collect())
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}
