//! Connections: how many, how slow they may be, and how they end.

use crate::{routes::Service, say};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, time};

/// A browser opens six at most.
const CONNECTIONS: usize = 64;

/// In which a request's head has to arrive.
const HEAD: Duration = Duration::from_secs(10);

/// For a connection from its first byte to its last. Each has one request, so that none is cut off in the middle of another,
/// and whoever never reads the answer does not keep a place.
const CONNECTION: Duration = Duration::from_secs(30);

/// What is under way when the program is told to stop may go on for so long.
const GRACE: Duration = Duration::from_secs(3);

/// After the system had no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready. Not `axum::serve`, which waits for ever for a request's head.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = stream else {
            time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(service.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // What goes wrong here is the other side's: it left, or was too slow.
            let _ = time::timeout(CONNECTION, connection).await;
            drop(place);
        });
    }
    drop(listener);
    say(format_args!("stopping"));
    let _ = time::timeout(GRACE, connections.shutdown()).await;
}

/// Ready when the program is told to stop: Ctrl-C, or SIGTERM. Caught from now on.
#[cfg(unix)]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Ready when the program is told to stop by Ctrl-C.
#[cfg(not(unix))]
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
