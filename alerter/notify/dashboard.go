package notify

import (
	"net/url"
	"strings"
)

// DashboardLink returns the URL of the tenant's page at publicURL, or "" if publicURL is empty.
func DashboardLink(publicURL, tenant string) string {
	if publicURL == "" {
		return ""
	}
	return strings.TrimRight(publicURL, "/") + "/usage?tenant=" + url.QueryEscape(tenant)
}
