// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Config;

/// <summary>Where and how the box is reached over MQTT. Immutable; validated by Config.</summary>
public sealed record MqttOptions
{
    public required string Host { get; init; }

    /// <summary>1883 without TLS, 8883 with it.</summary>
    public required int Port { get; init; }

    /// <summary>mqtts: TLS 1.2 or 1.3, and the broker's certificate must be right.</summary>
    public required bool IsTls { get; init; }

    /// <summary>The broker is the box's own, at a loopback address.</summary>
    public bool IsEmbedded { get; init; }

    /// <summary>The box in topics, and the client's name; one level.</summary>
    public required string DeviceId { get; init; }

    /// <summary>PEM: the only authorities that are trusted; null: those of the system.</summary>
    public string? Ca { get; init; }

    /// <summary>PEM: the box's own certificate, with <see cref="ClientKey"/>.</summary>
    public string? ClientCertificate { get; init; }
    public string? ClientKey { get; init; }
    public string? Username { get; init; }

    /// <summary>A file with the password in its first line, readable by its owner alone.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>A broker that vanished is noticed within one and a half of this.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(20);
    public TimeSpan Telemetry { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>MQTT 5, else 3.1.1: then answers go to reply/REQUESTER alone.</summary>
    public bool IsVersion5 { get; init; } = true;
}
