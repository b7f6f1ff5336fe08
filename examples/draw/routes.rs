//! What can be asked of the server, and what it refuses.

use crate::{
    answer::Answer,
    samples::{Sample, Samples},
    worker::{Busy, Digit, Worker},
};
use axum::{
    BoxError, Json, Router,
    body::Bytes,
    error_handling::HandleErrorLayer,
    extract::{
        DefaultBodyLimit, Path, Query, Request, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tower::{
    ServiceBuilder, load_shed::error::Overloaded, timeout::error::Elapsed, util::BoxCloneService,
};

/// Bytes of a request's body. The page's drawings are PNGs of a few thousand.
const BODY: usize = 1 << 20;

/// Requests a second, of all visitors together.
const RATE: u64 = 100;

/// Requests that may wait for the next second: more than one browser sends at a time.
const WAITING: usize = 16;

/// For one request, the arrival of its body included.
const TIME: Duration = Duration::from_secs(5);

/// Samples in one request.
const SAMPLES: usize = 100;

/// On every response. Everything that the page needs comes from here.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

#[derive(Clone)]
struct App {
    worker: Worker,
    samples: Arc<Samples>,
}

/// What answers requests, on every connection.
pub type Service = BoxCloneService<Request<Incoming>, Response, Infallible>;

/// Within the runtime: what keeps the rate is a task.
pub fn routes(worker: Worker, samples: Arc<Samples>) -> Service {
    let routes = Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page.html")))
        .route("/page.css", file("text/css; charset=utf-8", include_str!("page.css")))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("page.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("icon.svg")))
        .route("/read", post(read))
        .route("/samples", get(samples_at))
        .route("/samples/misread", get(misread))
        .route("/samples/{index}", get(sample))
        .fallback(async || Refused::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
        })
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(App { worker, samples });
    // Around all routes: `Router::layer` would give each of them its own limits.
    ServiceBuilder::new()
        .boxed_clone()
        .map_response(|mut response: Response| {
            let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
            response.headers_mut().extend(headers);
            response
        })
        .layer(HandleErrorLayer::new(overrun))
        .load_shed()
        .buffer(WAITING)
        .rate_limit(RATE, Duration::from_secs(1))
        .timeout(TIME)
        .service(routes)
}

/// A file that is compiled in.
fn file(kind: &'static str, content: &'static str) -> MethodRouter<App> {
    get(async move || ([(header::CONTENT_TYPE, kind)], content))
}

/// Why a request is not answered, as the JSON `{"error": "…"}`.
struct Refused {
    status: StatusCode,
    reason: String,
}

impl Refused {
    fn new(status: StatusCode, reason: impl ToString) -> Refused {
        Refused { status, reason: reason.to_string() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.reason }))).into_response();
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<BytesRejection> for Refused {
    fn from(rejection: BytesRejection) -> Refused {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format_args!("an image of at most {BODY} bytes is read"),
            ),
            status => Refused::new(status, rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Refused {
        Refused::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Refused {
    fn from(rejection: PathRejection) -> Refused {
        Refused::new(rejection.status(), rejection.body_text())
    }
}

impl From<Busy> for Refused {
    fn from(_: Busy) -> Refused {
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the network has its hands full")
    }
}

/// A layer gave up.
async fn overrun(error: BoxError) -> Refused {
    if error.is::<Overloaded>() {
        Refused::new(
            StatusCode::TOO_MANY_REQUESTS,
            format_args!("more than {RATE} requests a second"),
        )
    } else if error.is::<Elapsed>() {
        let seconds = TIME.as_secs();
        Refused::new(StatusCode::REQUEST_TIMEOUT, format_args!("it took more than {seconds} s"))
    } else {
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Towards {
    /// The class that the answer is compared with, where it is not the obvious one.
    towards: Option<u8>,
}

impl Towards {
    fn class(query: Result<Query<Towards>, QueryRejection>) -> Result<Option<u8>, Refused> {
        match query?.0.towards {
            Some(10..) => Err(Refused::new(StatusCode::BAD_REQUEST, "towards is 0 to 9")),
            class => Ok(class),
        }
    }
}

/// The digit in an image file.
async fn read(
    State(app): State<App>,
    towards: Result<Query<Towards>, QueryRejection>,
    file: Result<Bytes, BytesRejection>,
) -> Result<Json<Answer>, Refused> {
    let answer = app.worker.ask(Digit::File(file?), Towards::class(towards)?).await?;
    answer.map(Json).map_err(|reason| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
}

#[derive(Serialize)]
struct SampleAnswer {
    sample: Sample,
    #[serde(flatten)]
    answer: Answer,
}

/// A digit of the test set.
async fn sample(
    State(app): State<App>,
    index: Result<Path<usize>, PathRejection>,
    towards: Result<Query<Towards>, QueryRejection>,
) -> Result<Json<SampleAnswer>, Refused> {
    let sample = find(&app.samples, index?.0)?;
    let mistaken_for = Some(sample.label).filter(|&label| label != sample.read_as);
    let towards = Towards::class(towards)?.or(mistaken_for);
    let answer = app.worker.ask(Digit::Sample(sample.index), towards).await?;
    let answer =
        answer.map_err(|reason| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, reason))?;
    Ok(Json(SampleAnswer { sample, answer }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    /// Indices with commas between them.
    at: String,
}

/// Several digits of the test set, without what the network makes of them.
async fn samples_at(
    State(app): State<App>,
    query: Result<Query<At>, QueryRejection>,
) -> Result<Json<Vec<Sample>>, Refused> {
    let Query(At { at }) = query?;
    let refuse = |reason: String| Refused::new(StatusCode::BAD_REQUEST, reason);
    if at.split(',').count() > SAMPLES {
        return Err(refuse(format!("at most {SAMPLES} samples at a time")));
    }
    let sample = |index: &str| match index.parse() {
        Ok(index) => find(&app.samples, index),
        Err(_) => Err(refuse(format!("{index:?} is not the index of a sample"))),
    };
    Ok(Json(at.split(',').map(sample).collect::<Result<_, _>>()?))
}

fn find(samples: &Samples, index: usize) -> Result<Sample, Refused> {
    samples.get(index).ok_or_else(|| {
        let last = samples.len() - 1;
        Refused::new(StatusCode::NOT_FOUND, format_args!("there are samples 0 to {last}"))
    })
}

/// How many digits the test set has, and which of them the network misreads.
async fn misread(State(app): State<App>) -> Response {
    Json(json!({ "samples": app.samples.len(), "misread": app.samples.misread() })).into_response()
}
