package agents

import "golang.org/x/sys/unix"

// hasAccessList tells whether more than the mode says who may use a file.
func hasAccessList(path string) bool {
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
