// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Time;

/// <summary>
/// TAI - UTC in whole seconds: 37 since 2017-01-01 (IERS Bulletin C). In PTP it is the grandmaster's currentUtcOffset
/// (IEEE 1588-2019 clause 8.2.4.2); in the kernel it is timex.tai.
/// </summary>
/// <param name="Seconds">TAI minus UTC, seconds.</param>
public readonly record struct UtcOffset(int Seconds)
{
    /// <summary>
    /// The difference in force since the leap second at the end of 2016. Used when neither a grandmaster nor the kernel
    /// (timex.tai is 0 until a program sets it) reports it.
    /// </summary>
    public static UtcOffset Since2017 => new(37);

    /// <summary>TAI minus UTC in nanoseconds.</summary>
    public long Nanoseconds => Seconds * 1_000_000_000L;

    /// <summary>
    /// The value of if_tsoffset, in seconds: a PCAPNG reader adds it to a stamp on the TAI scale to show UTC
    /// (draft-ietf-opsawg-pcapng, section 4.2).
    /// </summary>
    public long PcapngTsOffsetSeconds => -Seconds;

    /// <summary>
    /// The offset from the kernel's own record (timex.tai). Zero means that no program has set it, and a value outside
    /// 10..100 s cannot be true: 10 s was the difference when leap seconds began in 1972. Either falls back to
    /// <see cref="Since2017"/>.
    /// </summary>
    public static UtcOffset FromKernel(int timexTai) => timexTai is >= 10 and <= 100 ? new(timexTai) : Since2017;
}
