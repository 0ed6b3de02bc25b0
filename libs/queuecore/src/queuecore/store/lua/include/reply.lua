-- The numbers of queuecore.store.scripts.replies.Reply.
local DONE, NOT_FOUND, ACTIVE, FINAL, STALE, CANCELLED, DUPLICATE_ID, LOCKED, REPLAYED, TOO_DEEP, TOO_LARGE, OTHER_DURABILITY = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
