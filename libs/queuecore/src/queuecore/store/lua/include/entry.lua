-- The score of a pending task: one band per priority, the highest priority in the lowest band, and within a band the
-- time of entry in units of 8 us. Scores stay below 2^53, so a double holds them exactly until the year 2112.
-- Needs now.lua.
local BAND = 2 ^ 49
local ENTRY_UNIT_US = 8
local newest_of_band = {}

-- The score of a task that enters now: behind every task of its priority, also when many enter at once or the clock was
-- set back.
local function entry_score(pending, priority)
  local band = (9 - priority) * BAND
  local newest = newest_of_band[priority]
  if not newest then
    local last = redis.call('ZREVRANGEBYSCORE', pending, band + BAND - 1, band, 'WITHSCORES', 'LIMIT', 0, 1)
    newest = tonumber(last[2]) or 0
  end
  local score = math.max(band + math.floor(now_us / ENTRY_UNIT_US), newest + 1)
  newest_of_band[priority] = score
  return score
end

-- True for the score of a pending task of this priority, or of a higher one to which it has aged.
local function is_entry_of(score, priority)
  return score > 0 and score < (10 - priority) * BAND
end

-- The time of entry, Unix ms, from a score.
local function entered_at(score)
  return math.floor((score % BAND) * ENTRY_UNIT_US / 1000)
end
