// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Capbox.Testing;

/// <summary>Asks a metrics server as a plain HTTP client does.</summary>
internal static class MetricsClient
{
    /// <summary>The text at a socket.</summary>
    public static string Scrape(string path) => Talk(new UnixDomainSocketEndPoint(path), "GET /metrics HTTP/1.1\r\n\r\n");

    /// <summary>What a server answers to a request until it closes.</summary>
    public static string Talk(EndPoint address, string request)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 8000 };
        socket.Connect(address);
        socket.Send(Encoding.ASCII.GetBytes(request));
        var answer = new StringBuilder();
        byte[] buffer = new byte[65536];
        for (int got; (got = socket.Receive(buffer)) > 0;)
            answer.Append(Encoding.UTF8.GetString(buffer, 0, got));
        return answer.ToString();
    }
}
