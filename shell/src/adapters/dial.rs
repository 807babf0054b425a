//! Touches the world: opens byte streams to the engine. [`Dial`] is the one seam under the engine client and the raw
//! exec stream, so the simulator replaces the network and nothing else.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A full-duplex stream of bytes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A dial under way.
pub type Dialing = BoxFuture<'static, io::Result<Box<dyn Io>>>;

/// Opens new streams to one endpoint. Every request gets its own: there is no pool whose state could be wrong.
pub trait Dial: Send + Sync + 'static {
    /// Opens one stream.
    fn dial(&self) -> Dialing;
    /// What is dialed, in the words of `DOCKER_HOST`.
    fn endpoint(&self) -> String;
    /// Whether the engine is most likely on this machine, so that sockets in bind mounts can be connected to directly.
    /// A desktop engine in a virtual machine looks local too: who connects directly must be able to fall back.
    fn is_local(&self) -> bool;
}

/// Dials a unix socket.
#[derive(Clone, Debug)]
pub struct UnixDial {
    path: PathBuf,
}

impl UnixDial {
    /// Dials the socket at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Dial for UnixDial {
    fn dial(&self) -> Dialing {
        let path = self.path.clone();
        async move { Ok(Box::new(UnixStream::connect(path).await?) as Box<dyn Io>) }.boxed()
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// Dials plain TCP.
#[derive(Clone, Debug)]
pub struct TcpDial {
    host: String,
    port: u16,
}

impl TcpDial {
    /// Dials `port` on `host`, which is a name or an address without brackets.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

/// How long a TCP stream may be silent before the kernel asks whether the other side still exists, and how often.
const KEEPALIVE: Duration = Duration::from_secs(15);

impl Dial for TcpDial {
    fn dial(&self) -> Dialing {
        let (host, port) = (self.host.clone(), self.port);
        async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            // A peer that vanished without a word (a laptop that slept) must become an error, not silence.
            rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
            rustix::net::sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
            rustix::net::sockopt::set_tcp_keepintvl(&stream, KEEPALIVE)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        }
        .boxed()
    }

    fn endpoint(&self) -> String {
        Endpoint::Tcp { host: self.host.clone(), port: self.port }.to_string()
    }

    fn is_local(&self) -> bool {
        false
    }
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Plain TCP.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// Why no endpoint could be found.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The endpoint is of a kind that is not supported.
    #[error(
        "{origin} names `{text}`: {problem}. Supported are unix:///path/to.sock and tcp://host:port without TLS; \
         for another machine forward its socket: ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST, \
         then DOCKER_HOST=unix:///tmp/engine.sock"
    )]
    Unsupported {
        /// Who named it: a variable or a context.
        origin: String,
        /// What was named.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The context that was chosen cannot be read.
    #[error("the docker context `{name}` (from {origin}) cannot be used: {problem}. See: docker context ls")]
    Context {
        /// Its name.
        name: String,
        /// Who chose it.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Port of an engine on plain TCP, when none is named.
const TCP_PORT: u16 = 2375;
/// Largest configuration file of the docker command line that is read.
const CONFIG_BYTES: u64 = 1_024 * 1_024;

impl Endpoint {
    /// Parses what `DOCKER_HOST` may hold; `origin` says in an error who named it.
    pub fn parse(text: &str, origin: &str) -> Result<Self, EndpointError> {
        let unsupported =
            |problem| EndpointError::Unsupported { origin: origin.into(), text: text.into(), problem };
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(("unix", _)) => Err(unsupported("the socket's path must be absolute")),
            Some(("tcp" | "http", rest)) => {
                parse_host_port(rest).ok_or_else(|| unsupported("no host and port there"))
            }
            Some(("https", _)) => Err(unsupported("TLS is not supported")),
            Some(("ssh", _)) => Err(unsupported("ssh is not supported")),
            Some(("npipe", _)) => Err(unsupported("Windows pipes are not supported")),
            Some(_) => Err(unsupported("this scheme is not supported")),
            None => Err(unsupported("it has no scheme")),
        }
    }

    /// Finds the engine as the docker command line does: `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the current context
    /// of its configuration, then the first socket that exists of Docker (rootful, rootless) and Podman.
    pub fn resolve(surroundings: &Surroundings) -> Result<Self, EndpointError> {
        if let Some(text) = surroundings.variable("DOCKER_HOST") {
            let endpoint = Self::parse(&text, "DOCKER_HOST")?;
            return refuse_tls(
                endpoint,
                surroundings.variable("DOCKER_TLS_VERIFY").is_some(),
                "DOCKER_TLS_VERIFY",
            );
        }
        let chosen = surroundings
            .variable("DOCKER_CONTEXT")
            .map(|name| (name, "DOCKER_CONTEXT"))
            .or_else(|| surroundings.current_context().map(|name| (name, "the docker configuration")));
        match chosen {
            Some((name, origin)) if name != "default" => surroundings.context_endpoint(&name, origin),
            Some(_) | None => Ok(Self::Unix(surroundings.default_socket())),
        }
    }

    /// The dialer for this endpoint.
    pub fn into_dial(self) -> Arc<dyn Dial> {
        match self {
            Self::Unix(path) => Arc::new(UnixDial::new(path)),
            Self::Tcp { host, port } => Arc::new(TcpDial::new(host, port)),
        }
    }
}

fn refuse_tls(endpoint: Endpoint, wants_tls: bool, origin: &str) -> Result<Endpoint, EndpointError> {
    match &endpoint {
        Endpoint::Tcp { .. } if wants_tls => Err(EndpointError::Unsupported {
            origin: origin.into(),
            text: endpoint.to_string(),
            problem: "TLS is not supported",
        }),
        Endpoint::Tcp { .. } | Endpoint::Unix(_) => Ok(endpoint),
    }
}

fn parse_host_port(text: &str) -> Option<Endpoint> {
    let text = text.trim_end_matches('/');
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        (host, after.strip_prefix(':'))
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    let port = port.map_or(Some(TCP_PORT), |port| port.parse().ok())?;
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:%".contains(c));
    is_host.then(|| Endpoint::Tcp { host: host.to_string(), port })
}

/// Tells the value of an environment variable.
type Variable = dyn Fn(&str) -> Option<String>;

/// What decides which engine is meant: the environment and the user's docker configuration.
pub struct Surroundings {
    variable: Box<Variable>,
    /// Candidates for the default socket, best first.
    sockets: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Those that `variable` tells.
    pub fn new(variable: impl Fn(&str) -> Option<String> + 'static) -> Self {
        let mut sockets = vec![PathBuf::from(DOCKER_SOCKET)];
        let runtime = variable("XDG_RUNTIME_DIR").filter(|dir| dir.starts_with('/')).map(PathBuf::from);
        if let Some(dir) = runtime {
            sockets.push(dir.join("docker.sock"));
            sockets.push(dir.join("podman/podman.sock"));
        }
        sockets.push(PathBuf::from("/run/podman/podman.sock"));
        Self { variable: Box::new(variable), sockets }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn config_dir(&self) -> Option<PathBuf> {
        let own = self.variable("DOCKER_CONFIG").map(PathBuf::from);
        own.or_else(|| self.variable("HOME").map(|home| PathBuf::from(home).join(".docker")))
    }

    /// The context of `config.json`. A file that cannot be read or parsed chooses nothing, as with the docker command.
    fn current_context(&self) -> Option<String> {
        let config = read_json(&self.config_dir()?.join("config.json")).ok()?;
        config.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_string)
    }

    fn context_endpoint(&self, name: &str, origin: &str) -> Result<Endpoint, EndpointError> {
        let unusable =
            |problem: String| EndpointError::Context { name: name.into(), origin: origin.into(), problem };
        let dir =
            self.config_dir().ok_or_else(|| unusable("neither DOCKER_CONFIG nor HOME is set".into()))?;
        let key = hex(&<sha2::Sha256 as sha2::Digest>::digest(name.as_bytes()));
        let path = dir.join("contexts/meta").join(&key).join("meta.json");
        let meta = read_json(&path).map_err(|error| unusable(format!("{}: {error}", path.display())))?;
        let docker =
            meta.pointer("/Endpoints/docker").ok_or_else(|| unusable("it has no docker endpoint".into()))?;
        let host = docker.get("Host").and_then(serde_json::Value::as_str).unwrap_or_default();
        if host.is_empty() {
            return Ok(Endpoint::Unix(self.default_socket()));
        }
        let origin = format!("the docker context `{name}`");
        let skips_verify = docker.get("SkipTLSVerify").and_then(serde_json::Value::as_bool) == Some(true);
        let wants_tls = skips_verify || dir.join("contexts/tls").join(&key).join("docker").exists();
        refuse_tls(Endpoint::parse(host, &origin)?, wants_tls, &origin)
    }

    /// The first candidate that exists; Docker's own when none does, so that the error names what most people have.
    fn default_socket(&self) -> PathBuf {
        let found = self.sockets.iter().find(|path| path.exists());
        found.cloned().unwrap_or_else(|| PathBuf::from(DOCKER_SOCKET))
    }
}

const DOCKER_SOCKET: &str = "/var/run/docker.sock";

fn read_json(path: &Path) -> io::Result<serde_json::Value> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(CONFIG_BYTES).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all text");
        text
    })
}

/// Opens streams that are counted and that end when their owner closes.
#[derive(Clone)]
pub struct Switchboard {
    dial: Arc<dyn Dial>,
    deadline: Duration,
    is_closed: CancellationToken,
    open: Arc<AtomicUsize>,
}

impl Switchboard {
    /// Streams of `dial`, each opened within `deadline`; all end when `is_closed` is cancelled.
    pub fn new(dial: Arc<dyn Dial>, deadline: Duration, is_closed: CancellationToken) -> Self {
        Self { dial, deadline, is_closed, open: Arc::default() }
    }

    /// Opens a stream. After `budget` bytes were read from it, reading fails: a request's answer has a size that is
    /// known to be sane, only sessions and watches have none.
    pub async fn open(&self, budget: Option<usize>) -> io::Result<Box<dyn Io>> {
        if self.is_closed.is_cancelled() {
            return Err(closed());
        }
        let count = Counted::new(&self.open);
        let io = tokio::time::timeout(self.deadline, self.dial.dial())
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time"))??;
        Ok(Box::new(Line {
            io,
            budget,
            read_closed: Box::pin(self.is_closed.clone().cancelled_owned()),
            write_closed: Box::pin(self.is_closed.clone().cancelled_owned()),
            _count: count,
        }))
    }

    /// Streams that are open now, dials under way included.
    pub fn open_streams(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// What is dialed.
    pub fn endpoint(&self) -> String {
        self.dial.endpoint()
    }

    /// [`Dial::is_local`].
    pub fn is_local(&self) -> bool {
        self.dial.is_local()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the engine client is closed")
}

/// Counts itself for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One stream of a [`Switchboard`]. Reader and writer may be different tasks, so each has its own wait for the end.
struct Line {
    io: Box<dyn Io>,
    budget: Option<usize>,
    read_closed: Pin<Box<WaitForCancellationFutureOwned>>,
    write_closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _count: Counted,
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_closed.as_mut().poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(closed()));
        }
        if self.budget == Some(0) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the engine's answer is too long",
            )));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        let count = buf.filled().len() - before;
        self.budget = self.budget.map(|left| left.saturating_sub(count));
        result
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.write_closed.as_mut().poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(closed()));
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_closed.as_mut().poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(closed()));
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn surroundings(dir: &Path, pairs: &[(&str, &str)]) -> Surroundings {
        let mut map: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        map.insert("HOME".into(), dir.display().to_string());
        Surroundings::new(move |name| map.get(name).cloned())
    }

    fn resolved(dir: &Path, pairs: &[(&str, &str)]) -> String {
        match Endpoint::resolve(&surroundings(dir, pairs)) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    fn write_context(dir: &Path, name: &str, docker: &str) -> PathBuf {
        let key = hex(&<sha2::Sha256 as sha2::Digest>::digest(name.as_bytes()));
        let meta = dir.join(".docker/contexts/meta").join(&key);
        std::fs::create_dir_all(&meta).unwrap();
        let text = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{docker}}}}}"#);
        std::fs::write(meta.join("meta.json"), text).unwrap();
        dir.join(".docker/contexts/tls").join(key).join("docker")
    }

    #[test]
    fn host_wins_over_context_wins_over_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        write_context(dir, "far", r#"{"Host":"tcp://far:1","SkipTLSVerify":false}"#);
        write_context(dir, "near", r#"{"Host":"unix:///near.sock"}"#);
        std::fs::write(dir.join(".docker/config.json"), r#"{"currentContext":"near"}"#).unwrap();

        assert_eq!(resolved(dir, &[]), "unix:///near.sock");
        assert_eq!(resolved(dir, &[("DOCKER_CONTEXT", "far")]), "tcp://far:1");
        assert_eq!(resolved(dir, &[("DOCKER_CONTEXT", "far"), ("DOCKER_HOST", "unix:///x")]), "unix:///x");
        assert_eq!(resolved(dir, &[("DOCKER_HOST", "")]), "unix:///near.sock", "an empty variable is none");
    }

    #[test]
    fn the_first_socket_that_exists_is_the_default() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("podman")).unwrap();
        std::fs::write(dir.path().join("podman/podman.sock"), "").unwrap();
        let runtime = dir.path().display().to_string();
        let mut around =
            surroundings(dir.path(), &[("XDG_RUNTIME_DIR", &runtime), ("DOCKER_CONTEXT", "default")]);
        assert_eq!(around.sockets[0], Path::new("/var/run/docker.sock"));
        around.sockets.retain(|path| path.starts_with(dir.path()));
        assert_eq!(
            Endpoint::resolve(&around).unwrap().to_string(),
            format!("unix://{runtime}/podman/podman.sock")
        );
        std::fs::write(dir.path().join("docker.sock"), "").unwrap();
        assert_eq!(Endpoint::resolve(&around).unwrap().to_string(), format!("unix://{runtime}/docker.sock"));
    }

    #[test]
    fn endpoints_are_parsed() {
        for (text, wanted) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://127.0.0.1:23750", "tcp://127.0.0.1:23750"),
            ("tcp://host", "tcp://host:2375"),
            ("http://host:1/", "tcp://host:1"),
            ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        ] {
            assert_eq!(Endpoint::parse(text, "test").unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn what_is_not_supported_says_what_is() {
        for text in [
            "ssh://me@there",
            "npipe:////./pipe/x",
            "https://x",
            "fd://3",
            "unix://x",
            "tcp://",
            "tcp://a:b",
            "x",
            "",
        ] {
            let error = Endpoint::parse(text, "DOCKER_HOST").unwrap_err().to_string();
            assert!(
                error.contains("DOCKER_HOST") && error.contains("unix:///path/to.sock"),
                "{text}: {error}"
            );
        }
        let dir = tempfile::tempdir().unwrap();
        let tls = resolved(dir.path(), &[("DOCKER_HOST", "tcp://x:2376"), ("DOCKER_TLS_VERIFY", "1")]);
        assert!(tls.contains("TLS is not supported"), "{tls}");
        let material = write_context(dir.path(), "safe", r#"{"Host":"tcp://x:2376"}"#);
        std::fs::create_dir_all(material).unwrap();
        let tls = resolved(dir.path(), &[("DOCKER_CONTEXT", "safe")]);
        assert!(tls.contains("`safe`") && tls.contains("TLS is not supported"), "{tls}");
    }

    #[test]
    fn a_context_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let text = resolved(dir.path(), &[("DOCKER_CONTEXT", "../../etc")]);
        assert!(text.contains("`../../etc`") && text.contains("docker context ls"), "{text}");
        write_context(dir.path(), "kube", "null");
        assert!(resolved(dir.path(), &[("DOCKER_CONTEXT", "kube")]).starts_with("unix://"));
    }

    /// Hands out one end of a pipe whose other end says `text` and then stays open.
    struct Says(&'static str);

    impl Dial for Says {
        fn dial(&self) -> Dialing {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let text = self.0;
            tokio::spawn(async move {
                theirs.write_all(text.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
                drop(theirs);
            });
            async move { Ok(Box::new(ours) as Box<dyn Io>) }.boxed()
        }

        fn endpoint(&self) -> String {
            "says".into()
        }

        fn is_local(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn streams_are_counted_bounded_and_closed() {
        let token = CancellationToken::new();
        let board = Switchboard::new(Arc::new(Says("hello")), Duration::from_secs(5), token.clone());
        let mut short = board.open(Some(3)).await.unwrap();
        let mut long = board.open(None).await.unwrap();
        assert_eq!(board.open_streams(), 2);

        let mut bytes = [0; 1];
        for _ in 0..3 {
            short.read_exact(&mut bytes).await.unwrap();
        }
        assert_eq!(short.read(&mut bytes).await.unwrap_err().kind(), io::ErrorKind::InvalidData);

        let mut all = [0; 5];
        long.read_exact(&mut all).await.unwrap();
        let reader = tokio::spawn(async move { long.read(&mut [0; 1]).await });
        tokio::task::yield_now().await;
        token.cancel();
        assert_eq!(reader.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert!(board.open(None).await.is_err(), "no stream is opened after the end");
        drop(short);
        assert_eq!(board.open_streams(), 0);
    }
}
