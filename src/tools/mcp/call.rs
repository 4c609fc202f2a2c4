//! One call of a tool, from the request to what a model is shown of its result.

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, CancelledNotificationParam, ClientRequest, RequestId,
    ServerResult,
};
use rmcp::service::{Peer, PeerRequestOptions, RoleClient, ServiceError};

use super::{Outcome, content};

/// Calls a tool. `None` when the server wants more than arguments: an answer of a person, or patience with a task.
///
/// The SDK's own call takes a result as a whole or not at all, so that one block of an unknown kind would cost the text
/// beside it. When this future is dropped, the server is told that nobody waits any more.
pub(super) async fn perform(
    peer: &Peer<RoleClient>,
    params: CallToolRequestParams,
) -> Result<Option<Outcome>, ServiceError> {
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
    let handle = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
    let mut waiting = Waiting { peer, id: Some(handle.id.clone()) };
    let result = handle.await_response().await;
    waiting.id = None;
    match result? {
        ServerResult::CallToolResult(result) => Ok(Some(content::outcome(&result))),
        ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_) => {
            Ok(Some(content::outcome(&CallToolResult::default())))
        }
        ServerResult::InputRequiredResult(_) | ServerResult::CreateTaskResult(_) => Ok(None),
        ServerResult::CustomResult(result) => {
            content::outcome_of_json(&result.0).map(Some).ok_or(ServiceError::UnexpectedResponse)
        }
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

/// A request whose answer is waited for. Dropped before it came, the request is taken back.
struct Waiting<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (peer, Ok(runtime)) = (self.peer.clone(), tokio::runtime::Handle::try_current()) else { return };
        let param = CancelledNotificationParam::new(Some(id), Some("nobody waits for it any more".to_owned()));
        runtime.spawn(async move {
            // A session that is over needs no telling.
            let _ = peer.notify_cancelled(param).await;
        });
    }
}
