//! The server over streamable HTTP, behind a door that asks for a key and can forget a session.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::Manners;
use crate::tools::Tools;

type Answer = Response<BoxBody<Bytes, std::convert::Infallible>>;
type Service = StreamableHttpService<Tools, LocalSessionManager>;

struct Door {
    key: Option<String>,
    tools: Tools,
    forgotten: Mutex<HashSet<String>>,
    service: Service,
}

pub(crate) async fn serve(manners: Manners) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::io::stdout().flush().unwrap();
    let tools = Tools::new(manners.clone());
    let each = tools.clone();
    let service = Service::new(move || Ok(each.clone()), Arc::default(), StreamableHttpServerConfig::default());
    let door = Arc::new(Door { key: manners.key, tools, forgotten: Mutex::default(), service });
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let door = Arc::clone(&door);
            let answer = service_fn(move |request| Arc::clone(&door).answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    };
    tokio::select! {
        _ = ended => {}
        () = accept => {}
    }
}

impl Door {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, std::convert::Infallible> {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let shown = header("authorization").unwrap_or_default();
        if self.key.as_ref().is_some_and(|key| shown != format!("Bearer {key}")) {
            return Ok(plain(401, format!("no entry with {shown}")));
        }
        if let Some(session) = header("mcp-session-id")
            && self.forgets(session)
        {
            return Ok(plain(404, "no such session".to_owned()));
        }
        hyper::service::Service::call(&TowerToHyperService::new(self.service.clone()), request).await
    }

    /// Whether this session is gone: since it was told to forget one, or since now.
    fn forgets(&self, session: String) -> bool {
        let mut forgotten = self.forgotten.lock().unwrap();
        if self.tools.forgets() {
            forgotten.insert(session.clone());
        }
        forgotten.contains(&session)
    }
}

fn plain(status: u16, body: String) -> Answer {
    Response::builder().status(status).body(Full::new(Bytes::from(body)).boxed()).unwrap()
}
