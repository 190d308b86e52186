package scripts

// RequestKey returns the id of a whole request of several events, from its Idempotency-Key. Its
// content is everything that the request contains, in order. The name space is the tenant to which
// the sender is bound, or "" for the deployment. No tenant's name begins with a control character,
// so no event has the same id.
func RequestKey(tenant, key, content string) EventID {
	return EventID{Tenant: "\x01" + tenant, ID: key, Content: content}
}

// UnknownContent is a content that no request has. A key remembered with it is known to have been
// used, but not for what, so every request with the key conflicts.
const UnknownContent = "\x00"
