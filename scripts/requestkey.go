package scripts

// RequestKey is the id of a whole request of several events, by its Idempotency-Key. Its content is
// all that the request holds, in order. The name space is the tenant that the sender is bound to,
// or the deployment for "". No tenant's name begins with a control character, so no event has the
// same id.
func RequestKey(tenant, key, content string) EventID {
	return EventID{Tenant: "\x01" + tenant, ID: key, Content: content}
}

// UnknownContent is what no request holds: to remember a key with it says that the key was used,
// and not for what, so that every request under it is another one.
const UnknownContent = "\x00"
