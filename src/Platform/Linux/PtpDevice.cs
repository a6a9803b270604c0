// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct ptp_clock_time, linux/ptp_clock.h.</summary>
[StructLayout(LayoutKind.Sequential)]
[CStruct("struct ptp_clock_time", "linux/ptp_clock.h")]
internal struct PtpClockTime
{
    [CField("sec")] public long Seconds;
    [CField("nsec")] public uint Nanoseconds;
    public uint Reserved;

    public readonly long TotalNs => (Seconds * 1_000_000_000) + Nanoseconds;
}

/// <summary>struct ptp_clock_caps, linux/ptp_clock.h: 80 bytes; what an older kernel does not know stays 0.</summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
[CStruct("struct ptp_clock_caps", "linux/ptp_clock.h")]
internal struct PtpClockCaps
{
    /// <summary>ppb.</summary>
    [FieldOffset(0), CField("max_adj")] public int MaxAdjustment;
    [FieldOffset(4), CField("n_alarm")] public int Alarms;
    [FieldOffset(8), CField("n_ext_ts")] public int ExternalStamps;
    [FieldOffset(12), CField("n_per_out")] public int PeriodicOutputs;
    [FieldOffset(16)] public int Pps;
    [FieldOffset(20), CField("n_pins")] public int Pins;
    [FieldOffset(24)] public int CrossTimestamping;
    [FieldOffset(28)] public int AdjustPhase;

    /// <summary>ns; max_phase_adj since Linux 6.5, reserved before.</summary>
    [FieldOffset(32), CField("adjust_phase", IsBehind = true)] public int MaxPhaseAdjustment;
}

/// <summary>The times of <see cref="PtpSysOffset"/>: reference, PHC, reference, PHC, ..., reference.</summary>
[InlineArray(51)]
[CStruct("typeof(((struct ptp_sys_offset *)0)->ts)", "linux/ptp_clock.h")]
internal struct PtpTimes51
{
    private PtpClockTime _first;
}

/// <summary>The times of <see cref="PtpSysOffsetExtended"/>, three a sample: reference, PHC, reference.</summary>
[InlineArray(75)]
[CStruct("typeof(((struct ptp_sys_offset_extended *)0)->ts)", "linux/ptp_clock.h")]
internal struct PtpTimes75
{
    private PtpClockTime _first;
}

/// <summary>struct ptp_sys_offset, linux/ptp_clock.h: 832 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 832)]
[CStruct("struct ptp_sys_offset", "linux/ptp_clock.h")]
internal struct PtpSysOffset
{
    [FieldOffset(0), CField("n_samples")] public uint Samples;
    [FieldOffset(16), CField("ts")] public PtpTimes51 Times;
}

/// <summary>struct ptp_sys_offset_extended, linux/ptp_clock.h: 1216 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 1216)]
[CStruct("struct ptp_sys_offset_extended", "linux/ptp_clock.h")]
internal struct PtpSysOffsetExtended
{
    [FieldOffset(0), CField("n_samples")] public uint Samples;

    /// <summary>CLOCK_ number of the reference, clockid; kernels before 6.12 reserve it and know 0 alone, CLOCK_REALTIME.</summary>
    [FieldOffset(4), CField("n_samples", IsBehind = true)] public int ClockId;
    [FieldOffset(16), CField("ts")] public PtpTimes75 Times;
}

/// <summary>struct ptp_sys_offset_precise, linux/ptp_clock.h: 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
[CStruct("struct ptp_sys_offset_precise", "linux/ptp_clock.h")]
internal struct PtpSysOffsetPrecise
{
    [FieldOffset(0), CField("device")] public PtpClockTime Device;
    [FieldOffset(16), CField("sys_realtime")] public PtpClockTime Realtime;
    [FieldOffset(32), CField("sys_monoraw")] public PtpClockTime MonotonicRaw;
}

/// <summary>
/// The ioctls of /dev/ptpN (linux/ptp_clock.h). Each returns 0 or the errno. The numbers ending in 2 make the kernel check reserved
/// fields; a kernel before 5.4 does not know them and is asked with the old ones, which have the same layout.
/// </summary>
[CHeaders("linux/ptp_clock.h")]
internal static unsafe class PtpDevice
{
    public const int PTP_MAX_SAMPLES = 25;
    private const nuint PTP_CLOCK_GETCAPS = 0x80503d01, PTP_SYS_OFFSET = 0x43403d05, PTP_SYS_OFFSET_PRECISE = 0xc0403d08;
    private const nuint PTP_SYS_OFFSET_EXTENDED = 0xc4c03d09;
    private const nuint PTP_CLOCK_GETCAPS2 = 0x80503d0a, PTP_SYS_OFFSET2 = 0x43403d0e, PTP_SYS_OFFSET_PRECISE2 = 0xc0403d11;
    private const nuint PTP_SYS_OFFSET_EXTENDED2 = 0xc4c03d12;

    public static int GetCaps(int fd, ref PtpClockCaps caps)
    {
        fixed (PtpClockCaps* argument = &caps)
            return Call(fd, PTP_CLOCK_GETCAPS2, PTP_CLOCK_GETCAPS, argument);
    }

    public static int GetOffset(int fd, ref PtpSysOffset offset)
    {
        fixed (PtpSysOffset* argument = &offset)
            return Call(fd, PTP_SYS_OFFSET2, PTP_SYS_OFFSET, argument);
    }

    public static int GetOffsetExtended(int fd, ref PtpSysOffsetExtended offset)
    {
        fixed (PtpSysOffsetExtended* argument = &offset)
            return Call(fd, PTP_SYS_OFFSET_EXTENDED2, PTP_SYS_OFFSET_EXTENDED, argument);
    }

    public static int GetOffsetPrecise(int fd, ref PtpSysOffsetPrecise offset)
    {
        fixed (PtpSysOffsetPrecise* argument = &offset)
            return Call(fd, PTP_SYS_OFFSET_PRECISE2, PTP_SYS_OFFSET_PRECISE, argument);
    }

    private static int Call(int fd, nuint request, nuint older, void* argument)
    {
        if (LibC.ioctl(fd, request, argument) == 0)
            return 0;
        int errno = Errno.Last;
        return errno != Errno.ENOTTY ? errno : LibC.ioctl(fd, older, argument) == 0 ? 0 : Errno.Last;
    }
}
