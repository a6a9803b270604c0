// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;

/// <summary>A monotonic clock that a test moves.</summary>
internal sealed class SteppedTime : TimeProvider
{
    public long Seconds { get; set; }
    public override long TimestampFrequency => 1;

    public override long GetTimestamp() => Seconds;
}
