// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>errno(3) on Linux x86-64.</summary>
[CHeaders("errno.h")]
internal static class Errno
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, EAGAIN = 11, ENOMEM = 12, EACCES = 13;
    public const int EBUSY = 16, ENODEV = 19, EINVAL = 22;
    public const int ENOTTY = 25, ENOSPC = 28, EPIPE = 32, ENOSYS = 38, EOPNOTSUPP = 95, ENOBUFS = 105;

    /// <summary>errno of the last call of this thread that failed.</summary>
    public static int Last => Marshal.GetLastPInvokeError();

    /// <summary>An errno as strerror(3) words it: "No space left on device".</summary>
    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <summary><see cref="Last"/> as text.</summary>
    public static string LastText() => Text(Last);
}
