// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;

namespace Capbox.Config;

/// <summary>Where metrics are served: on this machine alone.</summary>
/// <param name="EndPoint">A loopback address and port, or a path.</param>
/// <param name="Path">Of the socket; null: an address.</param>
public sealed record MetricsAddress(EndPoint EndPoint, string? Path)
{
    /// <summary>sun_path, unix(7), without its end.</summary>
    private const int MaxPathBytes = 107;

    /// <summary>Reads <c>127.0.0.1:9464</c>, <c>[::1]:9464</c> or <c>/run/capbox/metrics</c>; null and why not.</summary>
    public static MetricsAddress? TryParse(string text, out string? problem)
    {
        problem = null;
        if (text.StartsWith('/'))
        {
            if (System.Text.Encoding.UTF8.GetByteCount(text) <= MaxPathBytes && !text.Contains('\0'))
                return new MetricsAddress(new UnixDomainSocketEndPoint(text), text);
            problem = $"a socket's path has at most {MaxPathBytes} bytes";
        }
        else if (!IPEndPoint.TryParse(text, out IPEndPoint? address) || address.Port == 0)
        {
            problem = $"\"{text}\" is none of 127.0.0.1:PORT, [::1]:PORT, /PATH";
        }
        else if (!IPAddress.IsLoopback(address.Address))
        {
            problem = $"{address.Address} is not of this machine alone: metrics have no access control; use 127.0.0.1, [::1] or a path, and a proxy before it";
        }
        else
        {
            return new MetricsAddress(address, null);
        }

        return null;
    }
}
