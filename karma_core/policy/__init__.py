"""Policy: rules that forbid changes or require approvals, requesters and approvers, and freezes."""
