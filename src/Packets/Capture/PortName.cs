// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>
/// How ports are called: <c>eth0</c>, or in another network namespace <c>blue/eth0</c> and <c>/proc/4711/ns/net/eth0</c>, which is the
/// namespace's name or path, a slash, and the interface. Neither the name of an interface nor that of a namespace can hold a slash, so the
/// last one divides.
/// </summary>
public static class PortName
{
    private const int MaxInterfaceBytes = 15, MaxNetnsBytes = 255;

    /// <summary>The port of an interface; <paramref name="netns"/> is null for our own namespace.</summary>
    public static string Join(string? netns, string interfaceName) => netns is null ? interfaceName : $"{netns}/{interfaceName}";

    /// <summary>The interface of a port.</summary>
    public static string InterfaceOf(string port) => port[(port.LastIndexOf('/') + 1)..];

    /// <summary>The namespace of a port, or null for our own.</summary>
    public static string? NetnsOf(string port) => port.LastIndexOf('/') is >= 0 and int slash ? port[..slash] : null;

    /// <summary>Whether a namespace is named by a process, as /proc/4711/ns/net. The number may be another process's later.</summary>
    public static bool IsOfProcess(string netns) => netns.StartsWith("/proc/", StringComparison.Ordinal);

    /// <summary>Null if there can be such a port, else why not.</summary>
    public static string? Check(string port) =>
        (NetnsOf(port) is { } netns ? CheckNetns(netns) : null) ?? CheckInterface(InterfaceOf(port));

    /// <summary>Null if the kernel could have an interface of this name (dev_valid_name in net/core/dev.c), else why not.</summary>
    public static string? CheckInterface(string name)
    {
        if (name.Length == 0)
            return "the name of a port is empty";
        if (Encoding.UTF8.GetByteCount(name) > MaxInterfaceBytes)
            return $"\"{name}\" is longer than the {MaxInterfaceBytes} bytes of an interface name";
        bool isValid = name is not ("." or "..") && !name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c) || char.IsControl(c));
        return isValid ? null : $"\"{name}\" cannot be the name of an interface";
    }

    /// <summary>Null if this can name a network namespace, else why not. That there is one now is not asked.</summary>
    public static string? CheckNetns(string netns)
    {
        if (netns.Length == 0)
            return "the name of a network namespace is empty";
        if (Encoding.UTF8.GetByteCount(netns) > MaxNetnsBytes)
            return $"\"{netns}\" is longer than {MaxNetnsBytes} bytes";
        // Ports stand in lists with commas.
        if (netns.Any(c => c == ',' || char.IsControl(c)))
            return $"\"{netns}\" has a comma or a control character";
        bool isValid = netns.StartsWith('/') ? !netns.EndsWith('/') : netns is not ("." or "..")
            && !netns.Contains('/', StringComparison.Ordinal);
        return isValid ? null : $"\"{netns}\" is neither the name of a network namespace (ip netns) nor an absolute path of one";
    }

    /// <summary>Whether the namespace of a port is there: null if it is or cannot be looked at from here.</summary>
    /// <param name="netns">Name or path, checked.</param>
    /// <param name="isWrong">
    /// True if what is there is no network namespace, false if nothing is there, which the recorder waits for.
    /// </param>
    /// <returns>One line that names the path.</returns>
    public static string? FindNetns(string netns, out bool isWrong)
    {
        isWrong = false;
        try
        {
            using NetNamespace? found = NetNamespace.TryOpen(netns);
            return found is null ? $"there is no network namespace at {NetNamespace.PathOf(netns)} now" : null;
        }
        catch (IOException e)
        {
            isWrong = e is NotANamespaceException;
            return isWrong ? e.Message : null;
        }
    }
}
