// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text;

namespace Capbox.Ptp.Daemons;

/// <summary>Addresses of daemons.</summary>
public static class DaemonAddress
{
    /// <summary>sun_path of unix(7) has 108 bytes, including a zero.</summary>
    private const int MostPathBytes = 107;

    /// <summary>
    /// A path that fits a socket, or a loopback address with a port: a program on the network cannot know this machine's clock.
    /// </summary>
    public static bool IsGood(string address) => address.StartsWith('/')
        ? address.Length > 1 && Encoding.UTF8.GetByteCount(address) <= MostPathBytes
        : IPEndPoint.TryParse(address, out IPEndPoint? end) && end.Port != 0 && IPAddress.IsLoopback(end.Address);
}
