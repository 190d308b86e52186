package notify

import (
	"net/url"
	"strings"
)

// DashboardLink returns the page of the tenant at publicURL, or "" if publicURL is empty.
func DashboardLink(publicURL, tenant string) string {
	if publicURL == "" {
		return ""
	}
	return strings.TrimRight(publicURL, "/") + "/usage?tenant=" + url.QueryEscape(tenant)
}
