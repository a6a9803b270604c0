// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Time;

/// <summary>
/// The kernel refused a call on a clock. The message names the clock, the call, the errno's text, and a remedy where one is known.
/// </summary>
public sealed class ClockException(string message, int errno) : IOException(message)
{
    /// <summary>errno(3); 0 when the kernel did not refuse but its answer was useless.</summary>
    public int Errno => errno;
}
